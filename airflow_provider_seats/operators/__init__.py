"""The operators: steps of a DAG that assign, unassign and audit seats. Each is loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["AssignSeatsOperator", "AuditSeatsOperator", "SyncSeatsOperator", "UnassignSeatsOperator"]

if TYPE_CHECKING:
    from airflow_provider_seats.operators._assign import AssignSeatsOperator
    from airflow_provider_seats.operators._audit import AuditSeatsOperator
    from airflow_provider_seats.operators._sync import SyncSeatsOperator
    from airflow_provider_seats.operators._unassign import UnassignSeatsOperator
else:
    # A type checker that saw this function would accept an operator that does not exist.
    def __getattr__(name: str) -> Any:  # noqa: ANN401 (a class)
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}._{name.removesuffix('SeatsOperator').lower()}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
