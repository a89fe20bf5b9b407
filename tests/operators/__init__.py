"""Tests of ``airflow_provider_seats.operators``."""
