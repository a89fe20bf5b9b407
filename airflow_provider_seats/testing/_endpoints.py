"""Everything that FakeDatadog serves, and the permissions that it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_seats.testing._access import KEYS_API
from airflow_provider_seats.testing._escalations import ESCALATIONS_API
from airflow_provider_seats.testing._intake import INTAKE_API
from airflow_provider_seats.testing._on_call import SCHEDULES_API
from airflow_provider_seats.testing._roles import ROLES_API
from airflow_provider_seats.testing._seats import SEATS_API
from airflow_provider_seats.testing._teams import TEAMS_API
from airflow_provider_seats.testing._usage import USAGE_API
from airflow_provider_seats.testing._users import USERS_API

if TYPE_CHECKING:
    from airflow_provider_seats.testing._organization import Endpoint

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *SEATS_API,
    *USERS_API,
    *TEAMS_API,
    *ROLES_API,
    *USAGE_API,
    *INTAKE_API,
    *KEYS_API,
)
# Not every Datadog site has them.
ON_CALL_ENDPOINTS: Final[tuple[Endpoint, ...]] = (*SCHEDULES_API, *ESCALATIONS_API)
PERMISSIONS: Final[frozenset[str]] = frozenset(
    permission for endpoint in (*ENDPOINTS, *ON_CALL_ENDPOINTS) for permission in endpoint.permissions | endpoint.also
)
