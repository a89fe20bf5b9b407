"""Tests inside a real Airflow."""
