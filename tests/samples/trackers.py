"""Print what an error tracker would send about errors of this package, as JSON. Nothing is sent.

The connection, the keys and the tool come from the environment, so that no line or variable here contains a key.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from traceback import walk_tb
from typing import Any

from airflow_provider_seats._api.clock import Clock
from airflow_provider_seats._planning.stored import pack
from airflow_provider_seats.hooks import DatadogSeatsHook
from airflow_provider_seats.operators import AssignSeatsOperator, SyncSeatsOperator
from airflow_provider_seats.sensors import SeatUsersSensor
from airflow_provider_seats.triggers import SeatUsersTrigger

PRODUCT = "incident_response"
ANN = "11111111-1111-1111-1111-111111111111"


async def no_wait(*_: object) -> None:
    """Let no time pass."""


def list_users() -> None:
    """Call the hook."""
    DatadogSeatsHook().list_seat_users(PRODUCT)


def assign() -> None:
    """Run an operator."""
    context: Any = {}
    AssignSeatsOperator(task_id="assign", product_code=PRODUCT, user_uuids=[ANN]).execute(context)


def sync() -> None:
    """Run an operator that sends requests side by side."""
    context: Any = {}
    emails = [f"person{number}@example.com" for number in range(3)]
    SyncSeatsOperator(task_id="sync", product_code=PRODUCT, user_emails=emails).execute(context)


def defer() -> None:
    """Run a deferred sensor."""
    trigger = SeatUsersTrigger(
        product_code=PRODUCT,
        people=pack({}, [[ANN], []]),
        state="assigned",
        require="all",
        datadog_conn_id="datadog_default",
        poll_interval=1,
        timeout_at=time.time() + 1,
        execution_timeout_at=None,
    )

    async def fire() -> Any:
        return (await anext(trigger.run())).payload

    context: Any = {}
    sensor = SeatUsersSensor(task_id="wait", product_code=PRODUCT, user_uuids=[ANN])
    sensor.execute_complete(context, asyncio.run(fire()))


def errors() -> list[Exception]:
    """Return the error of each call through each connection, with its frames."""
    caught = []
    for case in (name for name in sorted(os.environ) if name.startswith("CASE_")):
        os.environ["AIRFLOW_CONN_DATADOG_DEFAULT"] = os.environ[case]
        for call in (list_users, assign, sync, defer):
            try:
                call()
            except Exception as error:  # noqa: BLE001 (each of them is shown)
                caught.append(error)
    return caught


def with_sentry() -> list[Any]:
    """Return the events of Sentry with its defaults, and with Airflow's own use of it."""
    import sentry_sdk
    from sentry_sdk.transport import Transport

    sent: list[Any] = []

    class Memory(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            sent.append(envelope.serialize().decode("utf-8", "replace"))

    sentry_sdk.init(dsn="http://key@127.0.0.1:1/1", transport=Memory, max_value_length=1_000_000)
    for error in errors():
        sentry_sdk.capture_exception(error)
        logging.getLogger("anyone").error("failed", exc_info=error)
    return sent


def with_airflows_sentry() -> list[Any]:
    """Return the events of Sentry with the settings that Airflow's section ``[sentry]`` makes."""
    import sentry_sdk
    from airflow.sdk.execution_time.sentry.configured import ConfiguredSentry
    from sentry_sdk.transport import Transport

    events: list[Any] = []
    original: Any = sentry_sdk.init

    class Memory(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            events.append(envelope.serialize().decode("utf-8", "replace"))

    def init(**options: Any) -> None:
        original(**{**options, "dsn": "http://key@127.0.0.1:1/1", "transport": Memory})

    vars(sentry_sdk)["init"] = init
    sentry = ConfiguredSentry()
    sentry.add_tagging = sentry.add_breadcrumbs = lambda *_: None  # type: ignore[method-assign, assignment]
    for error in errors():

        def run(ti: Any, context: Any, log: Any, error: BaseException = error) -> Any:
            return None, None, error

        ti: Any = type("Ti", (), {"sentry_integration": ""})()
        sentry.enrich_errors(run)(ti, {"dag_run": None}, None)  # type: ignore[arg-type, typeddict-item]
    return events


def with_rollbar() -> list[Any]:
    """Return the payloads of Rollbar."""
    import rollbar

    sent: list[Any] = []
    rollbar.init("token", "test", handler="blocking")
    vars(rollbar)["send_payload"] = lambda payload, _: sent.append(payload)
    for error in errors():
        rollbar.report_exc_info((type(error), error, error.__traceback__))
    return sent


def with_elastic_apm() -> list[Any]:
    """Return the events of Elastic APM."""
    from elasticapm import Client
    from elasticapm.transport.base import Transport

    sent: list[Any] = []

    class Memory(Transport):
        def queue(self, event_type: str, data: Any, flush: bool = False) -> None:
            sent.append((event_type, data))

        def start_thread(self, pid: int | None = None) -> None:
            pass

    # The client finds the class by its path.
    vars(sys.modules[__name__])["Memory"] = Memory
    client: Any = Client(
        service_name="test",
        transport_class=f"{__name__}.Memory",
        central_config=False,
        cloud_provider="none",
        metrics_interval="0s",
    )
    for error in errors():
        client.capture_exception(exc_info=(type(error), error, error.__traceback__))
    return sent


def with_rich() -> list[Any]:
    """Return the tracebacks of Rich with local variables, as a console of Airflow shows them if ``DEV`` is set."""
    from structlog.dev import RichTracebackFormatter

    shown = []
    for error in errors():
        text = io.StringIO()
        RichTracebackFormatter(color_system=None, width=1000)(text, (type(error), error, error.__traceback__))
        shown.append(text.getvalue())
    return shown


def with_ddtrace() -> list[Any]:
    """Return the snapshots of ddtrace's Exception Replay, of all frames."""
    import uuid

    from ddtrace.debugging._exception.replay import SpanExceptionProbe, SpanExceptionSnapshot, unwind_exception_chain

    shown: list[Any] = []
    for error in errors():
        chain, identity = unwind_exception_chain(error, error.__traceback__)
        for each, traceback in chain:
            shown.append(str(each))
            # The last ones, as many as it captures by default.
            for frame, _ in list(walk_tb(traceback))[-8:]:
                snapshot = SpanExceptionSnapshot(
                    probe=SpanExceptionProbe.build(identity or uuid.uuid4(), frame),
                    frame=frame,
                    thread=threading.current_thread(),
                    trace_context=None,
                    exc_id=identity,
                )
                snapshot.do_line()
                shown.append(snapshot.line_capture)
    return shown


if __name__ == "__main__":
    Clock.sleep = lambda *_: None  # type: ignore[method-assign]
    Clock.async_sleep = no_wait  # type: ignore[method-assign, assignment]
    tools: dict[str, Callable[[], list[Any]]] = {
        "sentry": with_sentry,
        "airflow's sentry": with_airflows_sentry,
        "rollbar": with_rollbar,
        "elastic apm": with_elastic_apm,
        "rich": with_rich,
        "ddtrace": with_ddtrace,
    }
    sent = json.dumps(tools[os.environ["TOOL"]](), default=repr)
    print(f"\n{sent}")
