"""The digest of changes, and approvals."""

from __future__ import annotations

from hypothesis import given, strategies as st

from airflow_provider_seats._planning.approval import digest

PEOPLE = st.sets(st.sampled_from("abcd"))


@given(first=st.tuples(PEOPLE, PEOPLE), second=st.tuples(PEOPLE, PEOPLE))
def test_a_digest_is_of_the_changes(first: tuple[set[str], set[str]], second: tuple[set[str], set[str]]) -> None:
    """Two digests are equal if the same people are assigned and unassigned, in any order, for one product and site."""
    assert (digest("p", "s", *first) == digest("p", "s", *map(sorted, second))) is (first == second)
    assert len({digest("p", "s", *first), digest("q", "s", *first), digest("p", "t", *first)}) == 3
