"""What waits, in a worker or in the triggerer. Airflow does not load it when it parses a DAG file."""
