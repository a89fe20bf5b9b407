"""The client runs flows over HTTP, in a worker or on an event loop. It sends only to the connection's address."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, unquote, urlencode

import airflow_provider_seats
from airflow_provider_seats._api.clock import clock
from airflow_provider_seats._api.flow import Flow, Gather, NoAnswer, Pause, RateLimitHit, Request, Response, Step
from airflow_provider_seats._api.rate_limits import RateLimit, RateLimits
from airflow_provider_seats._text import redactor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import PreparedRequest, Session

    from airflow_provider_seats.connection import DatadogConnection

T = TypeVar("T")
log = logging.getLogger(__name__)

_CONNECT_TIMEOUT: Final = 10.0
_THREADS: Final = 8
# Many tasks that hit one limit see the same reset. A little spread keeps them from coming back at the same moment.
_SPREAD: Final = 0.1
# How often long work logs its progress.
_PROGRESS_INTERVAL: Final = 10.0
_MIN_SECRET: Final = 4


@dataclass(frozen=True, slots=True)
class _Returned:
    """What a flow returned. A future cannot hold the ``StopIteration`` itself."""

    value: Any


class Client:
    """Talks to one Datadog organisation. One client may run several flows, also from several threads.

    It keeps connections open, and remembers rate limits, from one flow to the next.

    :param connection: the address and the keys.
    :param announce: logs a wait before it begins.
    :ivar server_time: the time of the last response by the server's clock, in whole seconds; None if it stated none.
    """

    server_time: datetime | None = None

    def __init__(
        self,
        connection: DatadogConnection,
        *,
        announce: Callable[[Pause], None] = lambda pause: log.info("Waiting %.1f s: %s", pause.seconds, pause.reason),
    ) -> None:
        self.connection = connection
        self._announce = announce
        self._clock = clock()
        self._limits = RateLimits()
        self._lock = threading.Lock()
        self._last_progress = self._clock.now()
        self._redact = redactor(filter(None, (connection.app_key, connection.api_key)))

    def run(self, flow: Flow[T]) -> T:
        """Run a flow in the calling thread. Return its result or raise its error."""
        self._last_progress = self._clock.now()
        return self._run(flow, threading.Event())

    async def arun(self, flow: Flow[T]) -> T:
        """Run a flow for the running event loop, in one of the client's own threads. Waits stay on the loop."""
        self._last_progress = self._clock.now()
        return await self._arun(flow)

    def rate_limit(self, limit_key: str) -> RateLimit | None:
        """Return the rate limit of a request as Datadog last stated it; None if it did not.

        :param limit_key: :attr:`Request.limit_key`.
        """
        with self._lock:
            return self._limits.stated(limit_key)

    def close(self) -> None:
        """Release connections and threads without waiting for them. The client cannot be used afterwards."""
        if "_threads" in self.__dict__:
            self._threads.shutdown(wait=False, cancel_futures=True)
        if "_session" in self.__dict__:
            self._session.close()

    def _run(self, flow: Flow[T], abandoned: threading.Event) -> T:
        answer: Any = None
        try:
            while True:
                step = self._send_requests(flow, answer, abandoned)
                if isinstance(step, _Returned):
                    result: T = step.value
                    return result
                if isinstance(step, Pause):
                    self._clock.sleep(self._announced(step), abandoned)
                    answer = None
                else:
                    answer = self._gather(step)
        finally:
            flow.close()

    async def _arun(self, flow: Flow[T]) -> T:
        self._make_session()
        answer: Any = None
        abandoned = threading.Event()
        loop = asyncio.get_running_loop()
        try:
            while True:
                step = await loop.run_in_executor(self._threads, self._send_requests, flow, answer, abandoned)
                if isinstance(step, _Returned):
                    result: T = step.value
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

    def _send_requests(self, flow: Flow[T], answer: object, abandoned: threading.Event) -> Pause | Gather | _Returned:
        """Run a flow in this thread until it wants something else than a request.

        The flow reads the responses, so that parsing and indexing a long list do not hold up an event loop.
        """
        try:
            step = _advance(flow, answer)
            while isinstance(step, Request):
                if abandoned.is_set():
                    flow.close()
                    return _Returned(None)
                step = _advance(flow, self._exchange(step))
        except StopIteration as end:
            return _Returned(end.value)
        return step

    def _gather(self, step: Gather) -> list[Any] | Exception:
        self._make_session()
        failed, abandoned = threading.Event(), threading.Event()

        def one(flow: Flow[Any]) -> object:
            if failed.is_set():
                return None
            try:
                return self._run(flow, abandoned)
            except BaseException:
                failed.set()
                raise

        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="datadog-seats")
        try:
            futures = [pool.submit(one, flow) for flow in step.flows]
            wait(futures)
            return [future.result() for future in futures]
        except Exception as error:  # noqa: BLE001 (it is raised in the flow that gathers)
            return error
        finally:
            # If a time-out of the task interrupts this thread, it does not wait for the others to end.
            failed.set()
            abandoned.set()
            pool.shutdown(wait=False)

    async def _agather(self, step: Gather) -> list[Any] | Exception:
        gate = asyncio.Semaphore(_THREADS)
        stop = False

        async def one(flow: Flow[Any]) -> object:
            nonlocal stop
            async with gate:
                if stop:
                    return None
                try:
                    return await self._arun(flow)
                except BaseException:
                    stop = True
                    raise

        results = await asyncio.gather(*map(one, step.flows), return_exceptions=True)
        return next((result for result in results if isinstance(result, Exception)), results)

    def _announced(self, pause: Pause) -> float:
        """Announce a pause, and return the seconds to wait."""
        self._announce(pause)
        return pause.seconds * random.uniform(1, 1 + _SPREAD)  # noqa: S311 (not for secrets)

    def _exchange(self, request: Request) -> Response | NoAnswer | RateLimitHit:
        from requests import RequestException  # noqa: PLC0415 (not loaded when a DAG is parsed)
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 (as above)

        from airflow_provider_seats._api.transport import read_content  # noqa: PLC0415 (as above)

        now = self._clock.now()
        with self._lock:
            seconds = self._limits.take(request.limit_key, now, request.share)
        if seconds > 0:
            return RateLimitHit(seconds)
        if request.progress and now - self._last_progress >= _PROGRESS_INTERVAL:
            self._last_progress = now
            log.info("In progress: %s", request.progress)
        timeout = self.connection.timeout
        try:
            answer = self._session.send(
                self._prepared(request),
                timeout=(min(timeout, _CONNECT_TIMEOUT), timeout),
                allow_redirects=False,
                **self._environment,
            )
            with answer:
                content = read_content(answer)
        except (RequestException, HTTPError, HTTPException, OSError, TypeError, ValueError) as cause:
            return self._no_answer(cause)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        self.server_time = _parse_date(headers.get("date")) or self.server_time
        response = Response(answer.status_code, headers, content, self._clock.now(), self._redact)
        with self._lock:
            self._limits.learn(request.limit_key, response.status, headers, response.received)
        return response

    def _make_session(self) -> None:
        """Make what the threads share before they start: two of them might make it twice."""
        with self._lock:
            _ = self._session, self._base_request, self._environment

    def _prepared(self, request: Request) -> PreparedRequest:
        prepared = self._base_request.copy()
        prepared.method = request.method
        prepared.url = f"{str(prepared.url).rstrip('/')}{request.path}{_query_string(request)}"
        if request.body is not None:
            prepared.body = json.dumps(request.body).encode()
            prepared.headers["Content-Length"] = str(len(prepared.body))
        return prepared

    def _no_answer(self, cause: Exception) -> NoAnswer:
        first = _first_cause(cause)
        message = f"{self.connection.base_url}: {type(first).__name__}: {self._without_secrets(str(first))}"
        # An error that repeats a secret is not kept, and neither are those that led to it.
        clean = self._without_secrets(str(cause)) == str(cause)
        rejected = isinstance(first, ssl.SSLCertVerificationError)
        return NoAnswer(cause if clean else OSError(message), message, certificate_rejected=rejected)

    def _without_secrets(self, text: str) -> str:
        """Remove the keys, and the user and password of a proxy."""
        return self._redact_proxies(re.sub(r"//[^/\s@]*@", "//***@", self._redact(text)))

    @cached_property
    def _redact_proxies(self) -> Callable[[str], str]:
        # An address that cannot be parsed may contain a password, too.
        addresses = [re.sub(r"^[^:@]*:/+", "", url or "") for url in self._environment["proxies"].values()]
        credentials = [address.rpartition("@")[0] for address in addresses]
        parts = [part for text in credentials for part in (*text.split(":", 1), *re.split(r"[:/?#@]", text))]
        secrets = [unquote(part) for part in parts]
        # A shorter one would be found in ordinary words.
        return redactor(secret for secret in secrets if len(secret) >= _MIN_SECRET)

    @cached_property
    def _base_request(self) -> PreparedRequest:
        """A request to the base URL. To prepare each request anew takes ten times longer than to copy this one."""
        from requests import PreparedRequest  # noqa: PLC0415 (not loaded when a DAG is parsed)

        prepared = PreparedRequest()
        prepared.prepare(method="GET", url=self.connection.base_url, headers=self._headers)
        return prepared

    @cached_property
    def _headers(self) -> Mapping[str, str]:
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": f"airflow-provider-seats/{airflow_provider_seats.__version__}",
            "DD-APPLICATION-KEY": self.connection.app_key,
        }
        if self.connection.api_key:
            headers["DD-API-KEY"] = self.connection.api_key
        return headers

    @cached_property
    def _session(self) -> Session:
        from requests import Session  # noqa: PLC0415 (not loaded when a DAG is parsed)

        from airflow_provider_seats._api.transport import BoundedAdapter  # noqa: PLC0415 (as above)

        session = Session()
        for scheme in ("https://", "http://"):
            session.mount(scheme, BoundedAdapter(pool_maxsize=_THREADS, max_retries=0))
        # Although it follows no redirect, requests computes the target, and raises if the address is malformed.
        session.get_redirect_target = lambda _: None  # type: ignore[assignment, method-assign]
        return session

    @cached_property
    def _environment(self) -> Mapping[str, Any]:
        """The proxies and certificates of the environment, worked out once and not at each request."""
        if self.connection.base_url.startswith("http:"):
            # Plain HTTP is for this machine only, and a proxy may be on another.
            return {"proxies": {}, "stream": True}
        settings: Mapping[str, Any] = self._session.merge_environment_settings(
            self.connection.base_url, {}, stream=True, verify=None, cert=None
        )
        return settings

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_THREADS, thread_name_prefix="datadog-seats")


def _advance(flow: Flow[Any], answer: object) -> Step:
    return flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)


def _first_cause(error: BaseException) -> BaseException:
    """Return the error at the bottom. It says what happened; the libraries above it only say that it did."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return error


def _parse_date(text: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return date.replace(tzinfo=date.tzinfo or UTC)


def _query_string(request: Request) -> str:
    return f"?{urlencode(request.query, quote_via=quote)}" if request.query else ""
