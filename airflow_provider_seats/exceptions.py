"""Every error class of this package. ``error.transient`` says whether a retry may help.

The operators and the sensors raise Airflow's ``AirflowFailException`` from an error that is not transient.

.. versionadded:: 0.2.0
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_seats._text import join_names, plural, shorten


class DatadogSeatsError(Exception):
    """The base class of every error that this package raises.

    :cvar transient: whether a later attempt may succeed. Airflow retries only these.
    :cvar concerns_connection: whether the user has to correct the connection.
    """

    transient: bool = False
    concerns_connection: bool = False

    def message_for(self, conn_id: str) -> str:
        """Return the message. It names the connection's id if the connection is what to correct."""
        return f"{self} The connection's id is {conn_id!r}." if self.concerns_connection else str(self)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the error as it is: its class may take other arguments than the message."""
        return _restore, (type(self), self.args), self.__dict__


def restore_error(name: str, message: str) -> DatadogSeatsError:
    """Return an error from the name of its class and its message. An unknown name becomes the base class."""
    kinds: list[type[DatadogSeatsError]] = [DatadogSeatsError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    return _restore(next((kind for kind in kinds if kind.__name__ == name), DatadogSeatsError), (message,))


def _restore(kind: type[DatadogSeatsError], arguments: tuple[object, ...]) -> DatadogSeatsError:
    return kind.__new__(kind, *arguments)


class InvalidConnectionError(DatadogSeatsError):
    """A field of the connection is missing or cannot be used.

    :ivar conn_id: the connection's id.
    :ivar field: the field, as the connection stores it: ``password``, ``extra.api_key``, ``host`` and so on.
    """

    def __init__(self, conn_id: str, field: str, problem: str) -> None:
        super().__init__(f"Connection {conn_id!r}, field {field}: {problem}")
        self.conn_id, self.field = conn_id, field


class ConnectionNotFoundError(InvalidConnectionError):
    """Airflow has no connection of this id, or cannot read it."""

    def __init__(self, conn_id: str, problem: str) -> None:
        super().__init__(conn_id, "conn_id", problem)


class InvalidInputError(DatadogSeatsError):
    """An argument cannot be used. The message names it and its value.

    :ivar field: the name of the argument.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field


class KeysRefusedError(DatadogSeatsError):
    """Datadog refused the keys, or their owner lacks a permission (401, 403).

    :ivar status: the HTTP status.
    :ivar explanation: Datadog's own explanation.
    """

    concerns_connection = True

    def __init__(self, call: str, status: int, detail: str, permission: str = "") -> None:
        owner = f" Check also that the owner of the application key has {permission}." if permission else ""
        super().__init__(
            f"Datadog answered {status} to {call}: {detail}. Check the connection's application key (password), "
            f"API key (extra api_key) and site.{owner}"
        )
        self.status, self.explanation = status, detail


class RequestRefusedError(DatadogSeatsError):
    """Datadog refused the request (a 4xx other than 401, 403, 408 and 429, or a 501).

    :ivar status: the HTTP status.
    :ivar explanation: Datadog's own explanation.
    :ivar concerns_method: whether the HTTP method was refused.
    """

    def __init__(self, call: str, status: int, detail: str) -> None:
        advice = "Check the arguments of the task, such as the product code and the people."
        self.status, self.explanation, self.concerns_method = status, detail, status in {405, 411, 415, 501}
        if self.concerns_method:
            advice = f"A proxy or gateway may not let {call.partition(' ')[0]} pass. Check it, and the connection."
        super().__init__(f"Datadog answered {status} to {call}: {detail}. {advice}")


class OnCallNotAvailableError(DatadogSeatsError):
    """The Datadog site has no on-call API (404), so it cannot be found out who is on call."""

    def __init__(self, call: str, detail: str) -> None:
        super().__init__(
            f"Datadog answered 404 to {call}: {detail}. This Datadog site has no on-call API, so nobody can be looked "
            "up in on-call schedules and escalation policies. To continue without the look-up, pass on_call='ignore'."
        )


class UsageNotAvailableError(DatadogSeatsError):
    """Datadog has no usage of this month, or of this organisation (a 4xx other than 401, 403, 408 and 429).

    :ivar status: the HTTP status.
    """

    concerns_connection = True

    def __init__(self, call: str, status: int, detail: str, month: str | None = None) -> None:
        which = f"the month {month}, and " if month else ""
        super().__init__(
            f"Datadog answered {status} to {call}: {detail}. Datadog has the usage of the last 15 months, and only "
            f"for a parent organisation. Check {which}that the connection's keys are those of the parent organisation."
        )
        self.status = status


class GroupsNotFoundError(DatadogSeatsError):
    """A handle is not that of exactly one Datadog team, or a name or id not that of exactly one role.

    :ivar unknown: for each one that no team or role has, some that there are.
    :ivar ambiguous: for each one that several of them have, their ids.
    """

    def __init__(
        self, has: str, unknown: Mapping[str, Sequence[str]], ambiguous: Mapping[str, Sequence[str]], advice: str
    ) -> None:
        problems = [f"no {has} {shorten(name)} ({_there_are(unknown[name])})" for name in unknown]
        problems += [f"more than one {has} {shorten(name)}: {join_names(ambiguous[name])}" for name in ambiguous]
        super().__init__(f"Datadog: {'; '.join(problems)}. {advice}")
        self.unknown, self.ambiguous = dict(unknown), dict(ambiguous)


def _there_are(names: Sequence[str], limit: int = 10) -> str:
    others = " and others" if len(names) > limit else ""
    return f"there are {', '.join(map(shorten, names[:limit]))}{others}" if names else "there is none"


class RedirectError(DatadogSeatsError):
    """The address answered with a redirect, so it is not that of the API. Redirects are never followed.

    :ivar status: the HTTP status.
    """

    concerns_connection = True

    def __init__(self, call: str, status: int, location: str) -> None:
        target = f" to {location}" if location else ""
        super().__init__(
            f"{call} was answered with {status}, a redirect{target}. Keys are never sent to another address. Check the "
            "connection's site or host."
        )
        self.status = status


class CertificateError(DatadogSeatsError):
    """The certificate of the server, or of a proxy before it, was rejected. Nothing was sent."""

    concerns_connection = True

    def __init__(self, call: str, problem: str) -> None:
        super().__init__(
            f"{call}: the server's certificate was rejected ({problem}). Check the connection's site or host. For a "
            "proxy or a private CA, set the environment variable REQUESTS_CA_BUNDLE to the file of its certificates."
        )


class TransientError(DatadogSeatsError):
    """A failure that may be over later.

    :ivar problem: what failed, without the advice to try again.
    :ivar retry_after: the seconds that the server asked to wait, from when the error was raised; None if it did not.
    """

    transient = True

    def __init__(self, problem: str, retry_after: float | None = None) -> None:
        when = "later" if retry_after is None else f"in {math.ceil(retry_after)} s"
        super().__init__(f"{problem}. Try again {when}.")
        self.problem, self.retry_after = problem, retry_after


class StorageError(TransientError):
    """A file cannot be opened, read or written. The message names it, and the argument that it comes from."""


class RateLimitError(TransientError):
    """Datadog's rate limit is used up, for longer than a call waits or at every attempt."""

    def __init__(self, call: str, detail: str, retry_after: float | None = None) -> None:
        super().__init__(f"Datadog's rate limit for {call} is used up: {detail}", retry_after)


class UnavailableError(TransientError):
    """There was no response, or one that is a fault (408, 5xx) or cannot be used. A write may have been carried out.

    :ivar status: the HTTP status; None if there was no response.
    """

    def __init__(self, call: str, problem: str, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(f"{call}: {problem}", retry_after)
        self.status = status


class AmbiguousUsersError(DatadogSeatsError):
    """An email belongs to several accounts, and not exactly one of them is enabled.

    :ivar accounts: the accounts (:class:`~airflow_provider_seats.hooks.User`) of each such email, by lower-case email.
    """

    def __init__(self, accounts: Mapping[str, Sequence[Any]]) -> None:
        shown = "; ".join(f"{email}: {', '.join(map(str, users))}" for email, users in accounts.items())
        super().__init__(
            f"Several Datadog accounts have the same email, and not exactly one of them is enabled: {shown}. Nothing "
            "was changed. Pass the UUID of the right account in user_uuids instead of the email."
        )
        self.accounts = dict(accounts)


class SeatsRefusedError(DatadogSeatsError):
    """Datadog refused to change the seats of some people. Everyone else was changed, except those not tried.

    :param not_shown: how many of them Datadog did not refuse: it accepted the call, and the seat list does not show it.
    :ivar refused: Datadog's explanation for each user UUID that was refused.
    """

    def __init__(
        self,
        product: str,
        refused: Mapping[str, str],
        label: Callable[[str], str] = str,
        not_done: int = 0,
        not_shown: int = 0,
    ) -> None:
        by_detail: dict[str, list[str]] = {detail: [] for detail in refused.values()}
        for uuid, detail in refused.items():
            by_detail[detail].append(label(uuid))
        details = "; ".join(f"{join_names(people)} ({detail})" for detail, people in by_detail.items())
        not_tried = f"{plural(not_done, 'more person was', 'more people were')} not tried"
        others = not_tried if not_done else "All others are as requested"
        blamed, people = not_shown < len(refused), plural(len(refused), "person", "people")
        problem = f"Datadog refused {people}" if blamed else f"the seat list does not show the changes of {people}"
        correct = "Correct or remove the people named here and run this again. " * blamed
        lag = "The list may lag behind: look at it some minutes later, and run this again. " * bool(not_shown)
        cause = "If all are refused, a proxy or gateway may be the cause."
        super().__init__(f"{product}: {problem}: {details}. {others}. {correct}{lag}{cause}")
        self.refused = dict(refused)


class SeatsUnknownError(DatadogSeatsError):
    """A change may have been made or not, and the seat list could not be read to find out. Running again is safe.

    :ivar people: the user UUIDs whose state is unknown.
    """

    def __init__(self, product: str, people: Sequence[str], response: object, reading: DatadogSeatsError) -> None:
        super().__init__(
            f"{product}: it is unknown whether the seats of {plural(len(people), 'person', 'people')} were changed. "
            f"The change: {response} The seat list, to check it: {reading} It is safe to run this again."
        )
        self.people, self.transient = tuple(people), reading.transient


class PlanRefusedError(DatadogSeatsError):
    """A guard refused the plan before the first change.

    :ivar reasons: for each guard that refused: what was counted, the limit, and the argument that would allow it.
    :ivar guards: the names of these guards, in the same order.
    """

    def __init__(self, product: str, refusals: Mapping[str, str], *, earlier_attempts: bool = False) -> None:
        self.guards, self.reasons = tuple(refusals), tuple(refusals.values())
        attempt = " by this attempt" if earlier_attempts else ""
        # Not super(): a subclass may also be a TransientError, which words its message in its own way.
        DatadogSeatsError.__init__(self, f"{product}: nothing was changed{attempt}. {' '.join(self.reasons)}")


class UsersMissingError(PlanRefusedError):
    """Datadog has no account, or for an assignment no enabled account, of some of the people.

    :ivar emails: their emails, as they were passed.
    """

    def __init__(
        self, product: str, emails: Iterable[str], refusals: Mapping[str, str], *, earlier_attempts: bool = False
    ) -> None:
        self.emails = tuple(emails)
        super().__init__(product, refusals, earlier_attempts=earlier_attempts)


class UsersNotReadyError(UsersMissingError, TransientError):
    """Some people have no enabled account yet, and ``missing_users="retry"`` leaves them to the task's retries."""

    def __init__(
        self, product: str, emails: Iterable[str], refusals: Mapping[str, str], *, earlier_attempts: bool = False
    ) -> None:
        super().__init__(product, emails, refusals, earlier_attempts=earlier_attempts)
        self.problem, self.retry_after = str(self), None
        self.args = (f"{self.problem} Airflow retries as often as the task's retries allow.",)


class TooManySeatsError(DatadogSeatsError):
    """An audit found more seats than its ``max_seats``. The audit itself was made, and its file is written.

    :ivar max_seats: the limit.
    """

    def __init__(self, problem: str, max_seats: int) -> None:
        super().__init__(problem)
        self.max_seats = max_seats


class UnknownEventError(DatadogSeatsError):
    """A sensor was resumed with something that is not an event of its trigger, so the end of the wait is unknown."""

    transient = True

    def __init__(self, event: object) -> None:
        super().__init__(
            f"The triggerer sent an event that this sensor does not know: {shorten(event)}. "
            "Check that triggerer and workers have the same version of airflow-provider-seats, and run this again."
        )
