"""The client: serves flows over HTTP, in a worker or on an event loop. Nothing is sent anywhere else."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cached_property
from html import escape
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, quote_plus, urlencode

import airflow_provider_seats
from airflow_provider_seats._api.flow import Flow, NoAnswer, Pause, Request, Response, Spent, Step, Together
from airflow_provider_seats._api.rate_limits import RateLimits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from requests import Response as Answer
    from requests import Session

    from airflow_provider_seats.connection import DatadogConnection

T = TypeVar("T")
log = logging.getLogger(__name__)

_CONNECT_SECONDS: Final = 10.0
_THREADS: Final = 8
_PIECE: Final = 256 * 1024
_LARGEST_CONTENT: Final = 64 * 1024 * 1024
# Many tasks that hit one limit are told the same reset; a little spread keeps them from coming back as one.
_SPREAD: Final = 0.1
# How often long work says how far it is.
_WORD_SECONDS: Final = 10.0


class Client:
    """Talks to one Datadog organisation. One client may serve several flows, also from several threads.

    It keeps the connections open, and what it was told of rate limits, from one flow to the next.

    :param connection: where to, and with which keys.
    :param sleep: waits so many seconds in a worker, or until an event is set.
    :param async_sleep: waits so many seconds on an event loop.
    :param clock: gives Unix time in seconds.
    :param announce: tells of a wait before it begins.
    """

    def __init__(
        self,
        connection: DatadogConnection,
        *,
        sleep: Callable[[threading.Event, float], object] = threading.Event.wait,
        async_sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
        announce: Callable[[Pause], None] = lambda pause: log.info("Waiting %.1f s: %s", pause.seconds, pause.reason),
    ) -> None:
        self.connection = connection
        self._sleep = sleep
        self._async_sleep = async_sleep
        self._clock = clock
        self._announce = announce
        self._limits = RateLimits()
        self._lock = threading.Lock()
        self._last_word = clock()

    def run(self, flow: Flow[T]) -> T:
        """Serve a flow in the calling thread, and give its result or raise its error."""
        self._last_word = self._clock()
        return self._run(flow, threading.Event())

    def _run(self, flow: Flow[T], abandoned: threading.Event) -> T:
        answer: Any = None
        try:
            while True:
                step = _advance(flow, answer)
                if isinstance(step, Request):
                    answer = self._exchange(step)
                elif isinstance(step, Pause):
                    self._sleep(abandoned, self._wait(step))
                    answer = None
                else:
                    answer = self._together(step)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            flow.close()

    def close(self) -> None:
        """Let go of connections and threads, and wait for none of them. Nothing may be run afterwards."""
        if "_threads" in self.__dict__:
            self._threads.shutdown(wait=False, cancel_futures=True)
        if "_session" in self.__dict__:
            self._session.close()

    async def arun(self, flow: Flow[T]) -> T:
        """Serve a flow on the running event loop: requests go to threads of its own, waits stay on the loop."""
        self._last_word = self._clock()
        return await self._arun(flow)

    async def _arun(self, flow: Flow[T]) -> T:
        answer: Any = None
        try:
            while True:
                step = _advance(flow, answer)
                if isinstance(step, Request):
                    loop = asyncio.get_running_loop()
                    answer = await loop.run_in_executor(self._threads, self._exchange, step)
                elif isinstance(step, Pause):
                    await self._async_sleep(self._wait(step))
                    answer = None
                else:
                    answer = await self._atogether(step)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            flow.close()

    def _together(self, step: Together) -> list[Any] | Exception:
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
        except Exception as error:  # noqa: BLE001 (the flow that asked for it is told)
            return error
        finally:
            # If this thread is interrupted, by a time-out of the task, nobody waits for the others to end.
            failed.set()
            abandoned.set()
            pool.shutdown(wait=False)

    async def _atogether(self, step: Together) -> list[Any] | Exception:
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

    def _wait(self, pause: Pause) -> float:
        """Announce a pause, and give the seconds that it lasts."""
        self._announce(pause)
        return pause.seconds * random.uniform(1, 1 + _SPREAD)  # noqa: S311 (not for secrets)

    def _exchange(self, request: Request) -> Response | NoAnswer | Spent:
        from requests import PreparedRequest, RequestException  # noqa: PLC0415 (not loaded when a DAG is parsed)
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 (as above)

        now = self._clock()
        with self._lock:
            seconds = self._limits.take(request.name, now)
        if seconds > 0:
            return Spent(seconds)
        if request.so_far and now - self._last_word >= _WORD_SECONDS:
            self._last_word = now
            log.info("Still at it: %s", request.so_far)
        timeout = self.connection.timeout
        timeouts = (min(timeout, _CONNECT_SECONDS), timeout)
        try:
            prepared = PreparedRequest()
            prepared.prepare(
                method=request.method,
                url=f"{self.connection.base_url}{request.path}{_query_string(request)}",
                headers=self._headers,
                data=None if request.body is None else json.dumps(request.body).encode(),
            )
            answer = self._session.send(prepared, timeout=timeouts, allow_redirects=False, **self._environment)
            with answer:
                content = _whole(answer)
        except (RequestException, HTTPError, HTTPException, OSError, ValueError) as cause:
            first = _first_cause(cause)
            words = f"{self.connection.base_url}: {type(first).__name__}: {self._without_keys(str(first))}"
            clean = self._without_keys(str(cause)) == str(cause)
            # An error that repeats a key is not kept, nor are those that led to it.
            return NoAnswer(cause if clean else OSError(words), words)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        response = Response(answer.status_code, headers, content, self._clock(), self._without_keys)
        with self._lock:
            self._limits.learn(request.name, response.status, headers, response.received)
        return response

    def _without_keys(self, text: str) -> str:
        return self._keys.sub("***", text)

    @cached_property
    def _keys(self) -> re.Pattern[str]:
        """Find the keys as they are, and as a page, a URL or JSON may repeat them; the longest form first."""
        forms = {
            form
            for key in (self.connection.app_key, self.connection.api_key)
            if key
            for form in (key, quote(key), quote(key, safe=""), quote_plus(key), escape(key), json.dumps(key)[1:-1])
        }
        return re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)), re.IGNORECASE)

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
        # Even where it follows no redirect, requests works out the next request, and fails over a malformed address.
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
    """Give the error at the bottom, which says what happened: the libraries above it say that it did."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return error


def _whole(answer: Answer) -> bytes:
    """Read an answer to its end, which is bounded also for one that is compressed without having been asked to."""
    pieces, size = [], 0
    for piece in answer.iter_content(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > _LARGEST_CONTENT:
            raise OSError(f"the answer is larger than {_LARGEST_CONTENT} bytes")
    return b"".join(pieces)


def _query_string(request: Request) -> str:
    return f"?{urlencode(request.query, quote_via=quote)}" if request.query else ""
