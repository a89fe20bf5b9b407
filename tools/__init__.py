"""Tools for maintainers: the demo, the benchmark, the test matrix and the API reference."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def airflow_home() -> Iterator[None]:
    """Give Airflow a home for the block. Without one, its import creates a folder in the home directory."""
    with tempfile.TemporaryDirectory(prefix="airflow-home-") as home:
        os.environ["AIRFLOW_HOME"] = home
        os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"
        yield
