"""What runs in a task or in the triggerer. Airflow does not load it when it parses a DAG file."""

from typing import Protocol


class TaskLog(Protocol):
    """The log of a task. Airflow 2 and 3 have loggers of different classes."""

    def info(self, event: str, *args: object) -> object:
        """Log something that a person may want to know."""

    def warning(self, event: str, *args: object) -> object:
        """Log something that a person should look at."""
