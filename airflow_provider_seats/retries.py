"""A retry policy: come back when Datadog's rate limit allows it, and not sooner or later. For Airflow 3.3 and later."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

try:
    from airflow.sdk import RetryDecision, RetryPolicy
except ImportError as error:
    raise AirflowOptionalProviderFeatureException("Retry policies need Airflow 3.3 or later.") from error

from airflow_provider_seats._api.flow import PassingError

if TYPE_CHECKING:
    from airflow.sdk import Context


class RetryAfter(RetryPolicy):
    """Try a task again as soon as Datadog said that it may, instead of after the task's ``retry_delay``.

    .. seealso:: https://docs.datadoghq.com/api/latest/rate-limits/

    It is for the ``retry_policy`` of a task or of ``default_args``. The number of ``retries`` stays the task's, and so
    does the delay after an error that says nothing of when. No slot is held while the task waits.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 (Airflow's interface)
        max_tries: int,  # noqa: ARG002 (as above)
        context: Context | None = None,  # noqa: ARG002 (as above)
    ) -> RetryDecision:
        """Take the seconds to wait from the error, if it has them."""
        if not isinstance(exception, PassingError) or exception.retry_after is None:
            return RetryDecision.default()
        seconds = math.ceil(exception.retry_after)
        return RetryDecision.retry(timedelta(seconds=seconds), f"Datadog allows the next call in {seconds} s")

    def serialize(self) -> dict[str, Any]:
        """Give what makes it again: it has no arguments."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> RetryAfter:  # noqa: ARG003 (Airflow's interface)
        """Make it again."""
        return cls()
