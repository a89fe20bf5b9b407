"""The client runs flows over HTTP, in a worker or on an event loop. It sends only to the connection's address."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

from airflow_provider_seats._api.clock import clock
from airflow_provider_seats._api.flow import Flow, Gather, NoAnswer, Pause, RateLimitHit, Request, Response
from airflow_provider_seats._api.rate_limits import RateLimit, RateLimits
from airflow_provider_seats._secrets import sealed

if TYPE_CHECKING:
    from airflow_provider_seats.connection import DatadogConnection

T = TypeVar("T")
log = logging.getLogger(__name__)

_THREADS: Final = 16
# Many tasks that hit one limit see the same reset. A little spread keeps them from coming back at the same moment.
_SPREAD: Final = 0.1
# How often long work logs its progress.
_PROGRESS_INTERVAL: Final = 10.0


class Client:
    """Talks to one Datadog organisation. One client may run several flows, also from several threads.

    It keeps connections open, and remembers rate limits, from one flow to the next.

    :param share: the part of a stated rate limit that its requests may use. The rest is left to others.
    :param announce: logs a wait before it begins.
    :param send: answers requests; by default, they are sent over HTTP.
    :ivar server_time: the time of the last response by the server's clock, in whole seconds; None if it stated none.
    """

    server_time: datetime | None = None

    def __init__(
        self,
        connection: DatadogConnection,
        *,
        share: float = 1.0,
        announce: Callable[[Pause], None] = lambda pause: log.info("Waiting %.1f s: %s", pause.seconds, pause.reason),
        send: Callable[[Request], Response | NoAnswer] | None = None,
    ) -> None:
        self.connection = connection
        self._share = share
        self._announce = announce
        self._send = send
        self._disconnect: Callable[[], None] = lambda: None
        self._clock = clock()
        self._limits = RateLimits()
        self._lock = threading.Lock()
        self._last_progress = self._clock.now()

    def run(self, flow: Flow[T]) -> T:
        """Run a flow in the calling thread. Return its result or raise its error."""
        self._last_progress = self._clock.now()
        return self._run(flow, threading.Event())

    async def arun(self, flow: Flow[T]) -> T:
        """Run a flow for the running event loop, in one of the client's own threads. Waits stay on the loop."""
        self._last_progress = self._clock.now()
        return await self._arun(flow)

    def rate_limit(self, limit_key: str) -> RateLimit | None:
        """Return the rate limit of a request as Datadog last stated it; None if it did not."""
        with self._lock:
            return self._limits.stated(limit_key)

    def close(self) -> None:
        """Release connections and threads without waiting for them. The client cannot be used afterwards."""
        if "_threads" in self.__dict__:
            self._threads.shutdown(wait=False, cancel_futures=True)
        self._disconnect()

    def _run(self, flow: Flow[T], abandoned: threading.Event) -> T:
        result: T
        answer: Any = None
        try:
            while True:
                step, result = self._send_requests(flow, answer, abandoned)
                if step is None:
                    return result
                if isinstance(step, Pause):
                    self._clock.sleep(self._announced(step), abandoned)
                    answer = None
                else:
                    answer = self._gather(step)
        finally:
            flow.close()

    async def _arun(self, flow: Flow[T]) -> T:
        result: T
        answer: Any = None
        abandoned = threading.Event()
        loop = asyncio.get_running_loop()
        try:
            while True:
                step, result = await loop.run_in_executor(self._threads, self._send_requests, flow, answer, abandoned)
                if step is None:
                    return result
                if isinstance(step, Pause):
                    await self._clock.async_sleep(self._announced(step))
                    answer = None
                else:
                    answer = await self._agather(step)
        finally:
            abandoned.set()
            # While a thread runs the flow, it cannot be closed here. The thread closes it before the next request.
            with suppress(ValueError):
                flow.close()

    def _send_requests(
        self, flow: Flow[T], answer: object, abandoned: threading.Event
    ) -> tuple[Pause | Gather | None, Any]:
        """Run a flow in this thread until it wants something else than a request. Return that; or None and its result.

        The flow reads the responses, so that parsing and indexing a long list do not hold up an event loop.
        """
        try:
            step = flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
            while isinstance(step, Request):
                if abandoned.is_set():
                    flow.close()
                    return None, None
                # No variable holds the answer, which may repeat a key: an error shows the variables of this frame.
                step = flow.send(self._exchange(step))
        except StopIteration as end:
            return None, end.value
        return step, None

    def _gather(self, step: Gather) -> list[Any] | Exception:
        abandoned = threading.Event()

        def one(flow: Flow[Any]) -> object:
            if abandoned.is_set():
                return None
            try:
                return self._run(flow, abandoned)
            except BaseException:
                abandoned.set()
                raise

        pool = _new_threads()
        try:
            futures = [pool.submit(one, flow) for flow in step.flows]
            wait(futures)
            return [future.result() for future in futures]
        except Exception as error:  # noqa: BLE001 (it is raised in the flow that gathers)
            return error
        finally:
            # If a time-out of the task interrupts this thread, it does not wait for the others to end.
            abandoned.set()
            pool.shutdown(wait=False)

    async def _agather(self, step: Gather) -> list[Any] | Exception:
        gate = asyncio.Semaphore(_THREADS)

        async def one(flow: Flow[Any]) -> object:
            async with gate:
                return await self._arun(flow)

        # Not a TaskGroup: until Python 3.13, it may lose a cancellation from outside while it stops its tasks.
        tasks = [asyncio.create_task(one(flow)) for flow in step.flows]
        try:
            if tasks:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in tasks:
                task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return next((result for result in results if isinstance(result, Exception)), results)

    def _announced(self, pause: Pause) -> float:
        """Announce a pause, and return the seconds to wait."""
        self._announce(pause)
        return pause.seconds * random.uniform(1, 1 + _SPREAD)  # noqa: S311 (not for secrets)

    def _exchange(self, request: Request) -> Response | NoAnswer | RateLimitHit:
        now = self._clock.now()
        with self._lock:
            seconds = self._limits.take(request.limit_key, now, self._share)
        if seconds > 0:
            return RateLimitHit(seconds, leaves_rest=self._share < 1)
        if request.progress and now - self._last_progress >= _PROGRESS_INTERVAL:
            self._last_progress = now
            log.info("In progress: %s", request.progress)
        with sealed:
            answer = self._sender()(request)
        if isinstance(answer, Response):
            self.server_time = _parse_date(answer.headers.get("date")) or self.server_time
            with self._lock:
                self._limits.learn(request.limit_key, answer.status, answer.headers, answer.received)
        return answer

    def _sender(self) -> Callable[[Request], Response | NoAnswer]:
        """Return what sends requests. Threads share it, so it is made once."""
        with self._lock:
            if self._send is None:
                from airflow_provider_seats._api.transport import connect  # noqa: PLC0415 (it loads requests)

                with sealed:
                    self._send, self._disconnect = connect(self.connection, _THREADS, self._clock.now)
            return self._send

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return _new_threads()


def _new_threads() -> ThreadPoolExecutor:
    from airflow_provider_seats._api.transport import is_recorded  # noqa: PLC0415 (it loads requests)

    return ThreadPoolExecutor(1 if is_recorded() else _THREADS, thread_name_prefix="datadog-seats")


_make: Callable[..., Client] = Client


def make_client(connection: DatadogConnection, **options: Any) -> Client:
    """Return a new client, with the options of the class."""
    return _make(connection, **options)


def install(make: Callable[..., Client]) -> Callable[..., Client]:
    """Make all further clients with a function. Return the one before it."""
    global _make
    before, _make = _make, make
    return before


def _parse_date(text: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return date.replace(tzinfo=date.tzinfo or UTC)
