"""What many deferred sensors cost, in real time and over real sockets."""

from __future__ import annotations

from tools.load import measure


def test_two_hundred_revived_sensors_cost_a_dozen_calls_in_five_seconds() -> None:
    """Two pages a look, one look a second; the loop stays free, and each sensor takes little memory."""
    cost = measure(200, 150)
    assert 8 <= cost.calls <= 12
    assert cost.lag[0] < 0.05
    assert cost.memory < 20 * 1024
