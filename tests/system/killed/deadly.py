"""A FakeDatadog that kills its clients."""

from __future__ import annotations

import os
import signal
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from airflow_provider_seats.testing import FakeDatadog

if TYPE_CHECKING:
    from airflow_provider_seats.testing._server import Answer, Request

# A sync has two batches of leavers and two of joiners.
BATCHES = 4
KINDS = ("assign", "unassign", "sync")
MOMENTS = [(batch, applied) for batch in range(1, BATCHES + 1) for applied in (False, True)]


class DeadlyDatadog(FakeDatadog):
    """A FakeDatadog that kills the sender of a certain write once, before it applies the write or after it."""

    def __init__(self, pids: Path, moments: dict[str, tuple[int, bool]]) -> None:
        super().__init__(products=tuple(moments))
        self.moments = dict(moments)
        self.pids = pids
        self.killed: list[str] = []
        self.taken: defaultdict[str, set[str]] = defaultdict(set)
        self._writes: Counter[str] = Counter()

    def _answer(self, request: Request) -> Answer:
        if request.method == "GET":
            return super()._answer(request)
        product = request.body["data"]["attributes"]["product_code"]
        if request.method == "DELETE":
            self.taken[product].update(request.body["data"]["attributes"]["user_uuids"])
        self._writes[product] += 1
        batch, applied = self.moments.get(product, (0, False))
        if self._writes[product] != batch:
            return super()._answer(request)
        del self.moments[product]
        if applied:
            super()._answer(request)
        self._kill(product)
        raise ConnectionAbortedError

    def _kill(self, product: str) -> None:
        """Kill the process of the task. In the second batch, also kill its supervisor, which would report the end."""
        pid = int((self.pids / product).read_text())
        victims = [psutil.Process(pid)]
        if product.split("_")[1] == "2":
            victims += victims[0].parents()[:1]
        self.killed.append(product)
        for victim in victims:
            with suppress(psutil.Error):
                os.kill(victim.pid, signal.SIGKILL)
