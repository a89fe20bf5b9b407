"""The switch that makes waits pass at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_seats._api import clock


@contextmanager
def skip_waits() -> Iterator[None]:
    """Make the waits of this package pass at once, while the ``with`` block or the decorated function runs.

    These are the waits before a call is tried again, for a rate limit, for a seat list that lags behind a change, and
    between two polls of a trigger. The package's clock moves forward instead. Time-outs and the ``poke_interval`` of a
    sensor that pokes are Airflow's, and stay as they are.

    .. code-block:: python

        with FakeDatadog() as datadog, skip_waits():
            datadog.script("GET", SEATS, Fault(503), Fault(503))
            ...  # call an operator: the second and third attempts follow at once

    .. versionadded:: 0.2.0
    """
    before = clock.install(clock.SkippingClock())
    try:
        yield
    finally:
        clock.install(before)
