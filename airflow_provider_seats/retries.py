"""A retry policy that follows Datadog's rate limit. It needs Airflow 3.3 or later."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_seats._airflow import AirflowOptionalProviderFeatureException

try:
    from airflow_provider_seats._airflow import RetryDecision, RetryPolicy
except ImportError as error:
    raise AirflowOptionalProviderFeatureException("Retry policies need Airflow 3.3 or later.") from error

from airflow_provider_seats.exceptions import TransientError

if TYPE_CHECKING:
    from airflow_provider_seats._airflow import Context


class RetryAfter(RetryPolicy):
    """Retry a task as soon as Datadog allows it, instead of after the task's ``retry_delay``.

    .. seealso:: https://docs.datadoghq.com/api/latest/rate-limits/

    Pass it as ``retry_policy`` of a task or in ``default_args``. The number of ``retries`` stays that of the task, and
    so does the delay after an error that states no time. The task holds no slot while it waits.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 (Airflow's interface)
        max_tries: int,  # noqa: ARG002 (as above)
        context: Context | None = None,  # noqa: ARG002 (as above)
    ) -> RetryDecision:
        """Return a retry after the seconds that the error states, or else the task's default."""
        if not isinstance(exception, TransientError) or exception.retry_after is None:
            return RetryDecision.default()
        seconds = math.ceil(exception.retry_after)
        return RetryDecision.retry(timedelta(seconds=seconds), f"Datadog allows the next call in {seconds} s")

    def serialize(self) -> dict[str, Any]:
        """Return its arguments: there are none."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> RetryAfter:  # noqa: ARG003 (Airflow's interface)
        """Return a policy from its arguments."""
        return cls()
