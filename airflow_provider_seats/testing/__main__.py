"""The command ``python -m airflow_provider_seats.testing``."""

from airflow_provider_seats.testing import main

main()
