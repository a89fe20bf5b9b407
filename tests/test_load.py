"""The cost of many deferred sensors, in real time and over real sockets."""

from __future__ import annotations

from tools.load import measure


def test_two_hundred_sensors_share_one_poll() -> None:
    """Two hundred deferred sensors cost two calls a second, do not block the event loop, and need little memory."""
    cost = measure(200, 150, readings=2)
    # Two pages a reading: one reading at once, then at most one a second. A slow machine takes longer for each.
    assert 4 <= cost.calls <= 2 * (cost.seconds + 2)
    # Processor time of the loop's thread, which a busy machine hardly lengthens. Airflow warns from 0.2 s on.
    assert cost.work < 0.2
    assert cost.memory < 20 * 1024
