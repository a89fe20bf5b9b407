"""Airflow provider for Datadog product seats: assign, unassign and wait for them in DAGs.

Airflow calls :func:`get_provider_info` when it starts, before its own modules are ready. So this module imports
nothing of Airflow, and nothing in it may fail.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.2.0"


def get_provider_info() -> dict[str, Any]:
    """Return the provider metadata for Airflow (entry point ``apache_airflow_provider``)."""
    from airflow_provider_seats._connection_form import BEHAVIOUR, FIELDS  # noqa: PLC0415 (not in a task)
    from airflow_provider_seats.connection import CONN_TYPE  # noqa: PLC0415 (as above)

    name = "Datadog Seats"
    return {
        "package-name": "airflow-provider-seats",
        "name": name,
        "description": "Assign, unassign and wait for Datadog product seats (Seats API v2) in Airflow DAGs.",
        "integrations": [
            {
                "integration-name": name,
                "external-doc-url": "https://docs.datadoghq.com/api/latest/seats/",
                "tags": ["service"],
            }
        ],
        "hooks": [{"integration-name": name, "python-modules": ["airflow_provider_seats.hooks"]}],
        "operators": [{"integration-name": name, "python-modules": ["airflow_provider_seats.operators"]}],
        "sensors": [{"integration-name": name, "python-modules": ["airflow_provider_seats.sensors"]}],
        "triggers": [{"integration-name": name, "python-modules": ["airflow_provider_seats.triggers"]}],
        "extra-links": ["airflow_provider_seats.links.SeatsPageLink"],
        "connection-types": [
            {
                "connection-type": CONN_TYPE,
                "hook-class-name": "airflow_provider_seats.hooks.DatadogSeatsHook",
                "hook-name": name,
                "conn-fields": FIELDS,
                "ui-field-behaviour": BEHAVIOUR,
            }
        ],
    }
