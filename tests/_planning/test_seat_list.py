"""Who holds a seat."""

from __future__ import annotations

from airflow_provider_seats._planning.seat_list import Holders
from tests.helpers.planning import seat


def test_people_are_found_by_uuid_and_by_email_in_any_case() -> None:
    """Several accounts may share an email; some rows have none."""
    holders = Holders([seat("1", "ann@x"), seat("2", "Ann@X"), seat("3"), seat(None, "nid@x")])
    assert [user.id for user in holders.by_email("ANN@x")] == ["1", "2"]
    assert [user.email for user in holders.by_uuid("3")] == [None]
    assert holders.by_uuid("9") == holders.by_email("9@x") == []
    assert holders.absent(["ANN@x", "cy@x"]) == ("cy@x",)
    assert holders.rows_without_email() == 1
