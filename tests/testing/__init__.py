"""Tests of ``airflow_provider_seats.testing``."""
