"""What many deferred sensors cost, in real time and over real sockets."""

from __future__ import annotations

from tools.load import measure


def test_two_hundred_revived_sensors_cost_half_a_dozen_calls_in_two_seconds() -> None:
    """Two pages a look, one look a second; the loop stays free, and each sensor takes little memory."""
    cost = measure(200, 150, 2.0)
    # What blocks the loop shows in real time only, so that a busy machine adds what it adds to every thread.
    assert cost.lag[0] < 0.05 + cost.beside[0]
    # A look at once and one a second; a busy machine fits one more in.
    assert 4 <= cost.calls <= 8
    assert cost.memory < 20 * 1024
