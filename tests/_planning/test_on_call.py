"""Where people on call were found, in words."""

from __future__ import annotations

import pytest

from airflow_provider_seats._api.escalation_policies import PolicySteps
from airflow_provider_seats._planning.on_call import OnCall

PAYMENTS = PolicySteps("Payments", (2,), ("payments",))
STEP = "in step 2 of the escalation policy Payments, which team payments routes to"


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (OnCall(("Primary",)), "in the on-call schedule Primary"),
        (OnCall(("A", "B")), "in the on-call schedules A, B"),
        (OnCall(tuple("ABCDEFG")), "in the on-call schedules A, B, C, D, E and 2 more"),
        (OnCall((), (PAYMENTS,)), STEP),
        (OnCall(("Primary",), (PAYMENTS,)), f"in the on-call schedule Primary; {STEP}"),
        (
            OnCall((), (PolicySteps("P", (1, 3), tuple("abcd")),)),
            "in steps 1, 3 of the escalation policy P, which the teams a, b, c and 1 more route to",
        ),
        (OnCall((), (PAYMENTS,) * 4), f"{STEP}; {STEP}; {STEP} and 1 more escalation policy"),
        (OnCall((), (PAYMENTS,) * 5), f"{STEP}; {STEP}; {STEP} and 2 more escalation policies"),
    ],
)
def test_the_places_are_named(found: OnCall, text: str) -> None:
    """The text names schedules, and steps and policies with the teams that route to them, but not too many."""
    assert found
    assert str(found) == text


def test_someone_who_is_in_nothing_was_not_found() -> None:
    """Someone who was looked up and is nowhere counts as not found."""
    assert not OnCall()
