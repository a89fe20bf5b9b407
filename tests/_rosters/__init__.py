"""Tests of ``airflow_provider_seats._rosters``."""
