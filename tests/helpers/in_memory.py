"""Operators on a FakeDatadog without a socket, so that a property can be tried with thousands of worlds."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from typing import TYPE_CHECKING
from unittest import mock

from airflow_provider_seats._api.flow import NoAnswer, Request, Response
from tests.helpers.clients import answering
from tests.helpers.clocks import FakeClock, installed
from tests.helpers.playing import answer_by, unserved

if TYPE_CHECKING:
    from airflow_provider_seats.testing import FakeDatadog


@contextmanager
def in_memory(after: Callable[[FakeDatadog], None] = lambda _: None) -> Iterator[FakeDatadog]:
    """Make a FakeDatadog, and make it the connection of every operator. Waits take no time.

    :param after: called after each request.
    """
    clock = FakeClock()

    def send(request: Request) -> Response | NoAnswer:
        answer = answer_by(datadog, request)
        after(datadog)
        if isinstance(answer, NoAnswer):
            return answer
        headers = {**answer.headers, "date": formatdate(usegmt=True)}
        return Response(answer.status, headers, answer.content, clock.now())

    with unserved() as datadog:
        connection = {
            "conn_type": "datadog_seats",
            "host": datadog.url,
            "password": datadog.app_key,
            "extra": {"api_key": datadog.api_key},
        }
        variables = {"AIRFLOW_CONN_DATADOG_DEFAULT": json.dumps(connection)}
        with answering(send), installed(clock), mock.patch.dict(os.environ, variables):
            yield datadog
