"""Datadog's API, without Airflow."""
