"""What runs in a task of an operator. Airflow does not load it when it parses a DAG file."""
