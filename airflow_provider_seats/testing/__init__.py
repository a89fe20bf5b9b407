"""FakeDatadog: a local Datadog to try a DAG, for tests, and for your own CI.

It has seats, users, teams and roles, on-call schedules, routing rules and escalation policies, a
usage summary, and an intake of metrics and events.

.. code-block:: python

    with FakeDatadog() as datadog:
        ann = datadog.add_user("ann@example.com")
        os.environ["AIRFLOW_CONN_DATADOG_DEFAULT"] = datadog.airflow_connection()
        sre = datadog.add_team("sre", [ann])
        nights = datadog.add_schedule("Nights", [ann])
        datadog.add_routing_rule(sre, datadog.add_escalation_policy("Payments", [[nights], [ann]]))
        ...  # run a DAG or call an operator
        assert datadog.holders("incident_response") == {ann}

With :func:`skip_waits`, the waits of the package pass at once.

``python -m airflow_provider_seats.testing`` starts one that keeps running. It needs the standard library only.

It answers as Datadog documents and as recordings of the real API show. If neither says what Datadog does, it does what
is hardest for a client, unless you set it otherwise: it leaves people who already hold a seat out of ``assigned_ids``,
and refuses a whole call for one unknown UUID.
"""

from airflow_provider_seats.testing._access import API_KEY, APP_KEY, VALIDATE, VALIDATE_KEYS
from airflow_provider_seats.testing._datadog import FakeDatadog
from airflow_provider_seats.testing._endpoints import PERMISSIONS
from airflow_provider_seats.testing._escalations import POLICIES, ROUTING_RULES
from airflow_provider_seats.testing._intake import EVENTS, SERIES
from airflow_provider_seats.testing._on_call import SCHEDULES
from airflow_provider_seats.testing._roles import ROLES
from airflow_provider_seats.testing._seats import SEATS
from airflow_provider_seats.testing._server import Fault, Received
from airflow_provider_seats.testing._teams import TEAMS
from airflow_provider_seats.testing._usage import USAGE, USAGE_FIELDS
from airflow_provider_seats.testing._users import USERS
from airflow_provider_seats.testing._waits import skip_waits

__all__ = [
    "API_KEY",
    "APP_KEY",
    "EVENTS",
    "PERMISSIONS",
    "POLICIES",
    "ROLES",
    "ROUTING_RULES",
    "SCHEDULES",
    "SEATS",
    "SERIES",
    "TEAMS",
    "USAGE",
    "USAGE_FIELDS",
    "USERS",
    "VALIDATE",
    "VALIDATE_KEYS",
    "FakeDatadog",
    "Fault",
    "Received",
    "skip_waits",
]
