"""The on-call flow: who is found in a schedule."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_seats._api.flow import Flow


def find_schedules(uuids: Iterable[str]) -> Flow[dict[str, tuple[str, ...]]]:
    """Return the sorted names of the on-call schedules in which these people are found, by user UUID."""
    raise NotImplementedError
    yield
