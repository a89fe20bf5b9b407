"""The cost of many deferred sensors, over real sockets, and what many polls leave behind."""

from __future__ import annotations

from tools.load import measure, measure_accounts
from tools.soak import soak


def test_two_hundred_sensors_share_one_poll() -> None:
    """Two hundred deferred sensors cost two calls a second, do not block the event loop, and need little memory."""
    cost = measure(200, 150, readings=2)
    # Two pages a reading: one reading at once, then at most one a second. A slow machine takes longer for each.
    assert 4 <= cost.calls <= 2 * (cost.seconds + 2)
    # Processor time of the loop's thread, which a busy machine hardly lengthens. Airflow warns from 0.2 s on.
    assert cost.work[0] < 0.2
    assert cost.memory < 20 * 1024


def test_two_hundred_sensors_of_accounts_share_one_look_up() -> None:
    """Two hundred sensors in an organisation of 1,000 users cost 11 calls a second, and do not block the event loop."""
    cost = measure_accounts(200, 1_000, readings=2)
    assert cost.least == 2 * 11
    # At most one look-up a second. A slow machine takes longer for each.
    assert cost.least <= cost.calls <= 11 * (cost.seconds + 2)
    assert cost.work[0] < 0.2


def test_polls_leave_nothing_behind() -> None:
    """Sensors and change triggers that poll for long, with faults, keep no memory, threads, sockets or files."""
    # The memory is first measured after a tenth of the polls. By then, each kind of fault has happened once, and what
    # its handling loads is loaded.
    left = soak(400, sensors=20)
    assert left.events > 10
    assert left.growth < 1.2
    assert (left.threads, left.files) == (0, 0)
