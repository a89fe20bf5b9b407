"""What several tests inside a real Airflow share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_seats.testing import FakeDatadog


@pytest.fixture(scope="module")
def other() -> Iterator[FakeDatadog]:
    """Serve a second organisation, on a host of its own."""
    with FakeDatadog() as other:
        yield other
