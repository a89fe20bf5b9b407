"""Where people on call were found, in words."""

from __future__ import annotations

import pytest

from airflow_provider_seats._api.escalation_policies import PolicySteps
from airflow_provider_seats._planning.on_call import places

PAYMENTS = PolicySteps("Payments", (2,), ("payments",))
STEP = "in step 2 of the escalation policy Payments, which team payments routes to"


@pytest.mark.parametrize(
    ("schedules", "policies", "text"),
    [
        (("Primary",), (), "in the on-call schedule Primary"),
        (("A", "B"), (), "in the on-call schedules A, B"),
        (tuple("ABCDEFG"), (), "in the on-call schedules A, B, C, D, E and 2 more"),
        ((), (PAYMENTS,), STEP),
        (("Primary",), (PAYMENTS,), f"in the on-call schedule Primary; {STEP}"),
        (
            (),
            (PolicySteps("P", (1, 3), tuple("abcd")),),
            "in steps 1, 3 of the escalation policy P, which the teams a, b, c and 1 more route to",
        ),
        ((), (PAYMENTS,) * 4, f"{STEP}; {STEP}; {STEP} and 1 more escalation policy"),
        ((), (PAYMENTS,) * 5, f"{STEP}; {STEP}; {STEP} and 2 more escalation policies"),
        ((), (), ""),
    ],
)
def test_the_places_are_named(schedules: tuple[str, ...], policies: tuple[PolicySteps, ...], text: str) -> None:
    """The text names schedules, and steps and policies with the teams that route to them, but not too many."""
    assert places(schedules, policies) == text
