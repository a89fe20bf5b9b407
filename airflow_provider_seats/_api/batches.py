"""Batches of people, and their order while some people are refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

from airflow_provider_seats._text import without_numbers
from airflow_provider_seats.exceptions import KeysRefusedError, RequestRefusedError

# What may be about single people, so that a refused batch is bisected.
BatchRefusal: TypeAlias = RequestRefusedError | KeysRefusedError
# How many people are sent alone first, to find out whether a refusal is about a person or about everyone.
SINGLES: Final = 3
# The batch itself, these people, and both halves of the others.
_REFUSALS_OF_KEYS: Final = 1 + SINGLES + 2


class Batch(NamedTuple):
    """People who are sent together, and how often they were."""

    people: tuple[str, ...]
    attempt: int = 1


def in_batches(people: tuple[str, ...], size: int) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(people), size):
        yield people[start : start + size]


def halves(people: tuple[str, ...]) -> list[Batch]:
    return [Batch(half) for half in in_batches(people, max(1, (len(people) + 1) // 2))]


def are_alike(refusals: Sequence[BatchRefusal]) -> bool:
    """Return whether Datadog says the same about all of them, apart from numbers."""
    return len({(each.status, without_numbers(each.explanation)) for each in refusals}) == 1


def are_the_keys(refusals: Sequence[BatchRefusal], *, everyone: bool) -> bool:
    """Return whether refusals are about the keys: 403 for each part of a batch that was tried, or for everyone."""
    if not all(isinstance(each, KeysRefusedError) for each in refusals):
        return False
    return everyone or (len(refusals) >= _REFUSALS_OF_KEYS and are_alike(refusals))


def with_singles_first(people: tuple[str, ...]) -> list[Batch]:
    """Return the same people: first the first, the last and the middle one, each alone, and then the others."""
    if len(people) <= SINGLES:
        return [Batch((uuid,)) for uuid in people]
    middle = len(people) // 2
    singles = [people[0], people[-1], people[middle]]
    rest = [people[1:middle], people[middle + 1 : -1]]
    return [*(Batch((uuid,)) for uuid in singles), *(Batch(part) for part in rest if part)]
