"""Tests inside a real Airflow, in processes of its own on a throw-away home."""
