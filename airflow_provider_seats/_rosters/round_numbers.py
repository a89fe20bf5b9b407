"""Numbers of people at which a source may have stopped: the limits of pages, queries and searches."""

from __future__ import annotations

from typing import Final

# Each of these, times any power of ten. 100 is the smallest limit that a source is known to have.
_DIGITS: Final = frozenset({"1", "2", "5"})
_SMALLEST: Final = 100


def warn_if_cut(count: int, what: str = "the roster", unit: str = "people") -> str | None:
    """Return a warning if a roster has exactly as many people or rows as a source hands over at most; None otherwise.

    Such limits are 100, 200, 500, 1,000, 2,000, 5,000, 10,000 and so on. Airflow's ``AnalyticsOperator`` hands over 100
    rows, a page of Okta 200, an LDAP server 500 or 1,000.
    """
    digits = str(count).rstrip("0")
    if count < _SMALLEST or digits not in _DIGITS:
        return None
    return (
        f"{what} has exactly {count:,} {unit}, a number at which many sources stop. Check that it is complete: that "
        "all pages were read, and that no query or search has a limit."
    )
