"""The only module that imports from Airflow. It knows where a name lives in 2.11 and 3.x, and what a version lacks.

A name is imported when it is first used, so a DAG file pays only for what it needs. Airflow's package ``common-compat``
would do the same, but each Airflow is installed with the version of its own release day, which lacks some names.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from typing import Protocol

    from airflow.sdk import (
        BaseHook as BaseHook,
        BaseOperator as BaseOperator,
        BaseOperatorLink as BaseOperatorLink,
        BaseSensorOperator as BaseSensorOperator,
        Connection as Connection,
        Context as Context,
        ObjectStoragePath as ObjectStoragePath,
        PokeReturnValue as PokeReturnValue,
        RetryDecision as RetryDecision,
        RetryPolicy as RetryPolicy,
        XComArg as XComArg,
    )
    from airflow.sdk.configuration import conf as conf
    from airflow.sdk.exceptions import (
        AirflowFailException as AirflowFailException,
        AirflowNotFoundException as AirflowNotFoundException,
        AirflowOptionalProviderFeatureException as AirflowOptionalProviderFeatureException,
        AirflowSensorTimeout as AirflowSensorTimeout,
        AirflowSkipException as AirflowSkipException,
        AirflowTaskTimeout as AirflowTaskTimeout,
    )
    from airflow.sdk.io.store import attach as attach
    from airflow.sdk.lineage import get_hook_lineage_collector as get_hook_lineage_collector
    from airflow.sdk.log import mask_secret as mask_secret
    from airflow.sdk.types import TaskInstanceKey as TaskInstanceKey
    from airflow.triggers.base import (
        BaseEventTrigger as BaseEventTrigger,
        BaseTrigger as BaseTrigger,
        TriggerEvent as TriggerEvent,
    )

    class TaskLog(Protocol):
        """The log of a task. Airflow 2 and 3 have loggers of different classes."""

        def info(self, event: str, *args: object) -> object:
            """Log something that a person may want to know."""

        def warning(self, event: str, *args: object) -> object:
            """Log something that a person should look at."""


# Where a name may live, the newest Airflow first. All names that begin with "Airflow" are exceptions.
_HOMES: Final = {
    "BaseEventTrigger": ("airflow.triggers.base",),
    "BaseHook": ("airflow.sdk", "airflow.hooks.base"),
    "BaseOperator": ("airflow.sdk", "airflow.models.baseoperator"),
    "BaseOperatorLink": ("airflow.sdk", "airflow.models.baseoperatorlink"),
    "BaseSensorOperator": ("airflow.sdk", "airflow.sensors.base"),
    "BaseTrigger": ("airflow.triggers.base",),
    "Connection": ("airflow.sdk", "airflow.models.connection"),
    "ObjectStoragePath": ("airflow.sdk", "airflow.io.path"),
    "PokeReturnValue": ("airflow.sdk", "airflow.sensors.base"),
    "RetryDecision": ("airflow.sdk",),
    "RetryPolicy": ("airflow.sdk",),
    "TriggerEvent": ("airflow.triggers.base",),
    "attach": ("airflow.sdk.io.store", "airflow.io.store"),
    "conf": ("airflow.sdk.configuration", "airflow.configuration"),
    "get_hook_lineage_collector": ("airflow.sdk.lineage", "airflow.lineage.hook"),
    "mask_secret": (
        "airflow.sdk.log",
        "airflow.sdk.execution_time.secrets_masker",  # 3.0.0
        "airflow.utils.log.secrets_masker",
    ),
}
_EXCEPTIONS: Final = ("airflow.sdk.exceptions", "airflow.exceptions")
# What stands in for a name that an older Airflow lacks: before 3.0 there are no asset watchers.
_STAND_INS: Final = {"BaseEventTrigger": "BaseTrigger"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 (any name of Airflow)
    problem: Exception | None = None
    for home in _EXCEPTIONS if name.startswith("Airflow") else _HOMES.get(name, ()):
        try:
            found = getattr(import_module(home), name)
        except (ImportError, AttributeError) as error:
            problem = error
        else:
            globals()[name] = found
            return found
    if name in _STAND_INS:
        return __getattr__(_STAND_INS[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from problem


def add_lineage(path: ObjectStoragePath, conn_id: str | None, *, written: bool) -> None:
    """Tell Airflow's lineage that a file was read or written, by its name without a connection."""
    from airflow_provider_seats._airflow import get_hook_lineage_collector  # noqa: PLC0415 (as in read_connection)

    collector: Any = get_hook_lineage_collector()
    kind = "asset" if hasattr(collector, "add_input_asset") else "dataset"  # Airflow 2.11
    add = getattr(collector, f"add_{'output' if written else 'input'}_{kind}")
    add(context=path, uri=str(path).replace(f"//{conn_id}@", "//"))


async def read_connection(conn_id: str) -> tuple[Any, Any]:
    """Return a connection and its parsed extra, in the triggerer.

    :raises AirflowNotFoundException: if there is no such connection.
    """
    from airflow_provider_seats._airflow import BaseHook, Connection  # noqa: PLC0415 (found when they are needed)

    if hasattr(Connection, "aextra_dejson"):
        connection = await BaseHook.aget_connection(conn_id)
        return connection, await connection.aextra_dejson()

    from asgiref.sync import sync_to_async  # noqa: PLC0415 (only before Airflow 3.3.2)

    def read() -> tuple[Any, Any]:
        connection = BaseHook.get_connection(conn_id)
        return connection, connection.extra_dejson

    # Before 3.3.2 both calls block, and may do so only in the thread of asgiref: on 3.0 and 3.1, a call from any other
    # thread ends the triggerer.
    return await sync_to_async(read)()
