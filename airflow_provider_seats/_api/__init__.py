"""Datadog's API, without Airflow: flows say what to send, a client sends it.

``flow`` has the steps of a flow and the one call with its retries, and ``pages`` reads numbered pages; ``seats``,
``seat_change``, ``users``, ``teams``, ``on_call`` and ``escalation_policies`` are flows; ``client`` runs them over
``transport`` and keeps to ``rate_limits``.
"""

from typing import Final

# The most people in one assignment or unassignment. Datadog documents no maximum.
BATCH_SIZE: Final = 100
# The rows in one page of a list: the most that Datadog documents, and what it does for seats.
PAGE_SIZE: Final = 100
# No list is longer than so many pages; a list that does not end is an error.
MAX_PAGES: Final = 10_000
