"""The package in Airflow's house: discovery, metadata, imports, and what importing costs."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import airflow_provider_seats
from airflow_provider_seats import get_provider_info

PACKAGE = Path(airflow_provider_seats.__file__).parent
PURE = {
    "connection",
    "report",
    "_api.flow",
    "_api.rate_limits",
    "_api.seats",
    "_api.users",
    "_planning.arguments",
    "_planning.condition",
    "_planning.plan",
    "_planning.planner",
    "_planning.seat_list",
}


def test_the_provider_info_is_valid_against_airflows_own_schema() -> None:
    """An error in it would keep the user's whole Airflow from starting."""
    jsonschema = pytest.importorskip("jsonschema", reason="comes with Airflow")
    airflow = Path(importlib.import_module("airflow").__file__ or "").parent
    jsonschema.validate(get_provider_info(), json.loads((airflow / "provider_info.schema.json").read_text()))


def test_the_connection_fields_are_valid_against_airflows_full_schema() -> None:
    """The schema that Airflow checks while it runs does not look into the fields."""
    jsonschema = pytest.importorskip("jsonschema", reason="comes with Airflow")
    airflow = Path(importlib.import_module("airflow").__file__ or "").parent
    full = json.loads((airflow / "provider.yaml.schema.json").read_text())
    kinds = full["properties"]["connection-types"]
    if "conn-fields" not in json.dumps(kinds):
        pytest.skip("this Airflow has no conn-fields yet")
    jsonschema.validate(get_provider_info()["connection-types"], {**full, **kinds})


def test_the_entry_point_and_the_name_fit_the_distribution() -> None:
    """Airflow refuses a provider whose name is not that of its distribution."""
    info = get_provider_info()
    distribution = importlib.metadata.distribution("airflow-provider-seats")
    assert info["package-name"] == distribution.metadata["Name"] == "airflow-provider-seats"
    assert distribution.version == airflow_provider_seats.__version__
    entries = importlib.metadata.entry_points(group="apache_airflow_provider")
    assert get_provider_info in [entry.load() for entry in entries if entry.value.startswith("airflow_provider_seats:")]


def test_everything_named_in_the_provider_info_exists() -> None:
    """Modules and the hook are where it says, and the hook is of the declared type."""
    info = get_provider_info()
    for part in ("hooks", "operators", "sensors", "triggers"):
        for module in info[part][0]["python-modules"]:
            assert importlib.import_module(module)
    [kind] = info["connection-types"]
    module, _, name = kind["hook-class-name"].rpartition(".")
    hook = getattr(importlib.import_module(module), name)
    assert (
        (hook.conn_type, hook.hook_name)
        == (kind["connection-type"], kind["hook-name"])
        == ("datadog_seats", "Datadog Seats")
    )
    assert "__" not in hook.conn_type


def _imports(module: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("room", sorted(PURE))
def test_the_rooms_without_io_import_the_standard_library_and_one_another_only(room: str) -> None:
    """So that they can be read, tested and trusted by themselves."""
    for name in _imports(PACKAGE / f"{room.replace('.', '/')}.py"):
        package, _, inner = name.partition(".")
        assert package in sys.stdlib_module_names or (package == "airflow_provider_seats" and inner in PURE)


def test_the_arrows_between_the_rooms_make_no_circle() -> None:
    """From Airflow towards the wire."""
    arrows = {
        ".".join(module.relative_to(PACKAGE).with_suffix("").parts): {
            name.partition(".")[2] for name in _imports(module) if name.startswith("airflow_provider_seats.")
        }
        for module in PACKAGE.rglob("*.py")
    }
    left = dict(arrows)
    while left:
        leaves = {room for room, to in left.items() if not to & left.keys()}
        assert leaves, f"a circle among {sorted(left)}"
        left = {room: to for room, to in left.items() if room not in leaves}
    assert arrows["__init__"] == {"connection"}
    assert "airflow" not in {name.partition(".")[0] for name in _imports(PACKAGE / "__init__.py")}


def _run(code: str) -> Any:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_the_package_itself_loads_nothing_of_airflow() -> None:
    """Airflow asks for the metadata before it is ready to be imported."""
    loaded = _run(
        "import json, sys, airflow_provider_seats as p; p.get_provider_info(); print(json.dumps(list(sys.modules)))"
    )
    assert not [name for name in loaded if name.partition(".")[0] in {"airflow", "requests", "urllib3"}]


IMPORTS = """
import json, sys, time
from airflow.providers.common.compat.sdk import DAG, BaseOperator, BaseSensorOperator, BaseHook, XComArg
from airflow.triggers.base import BaseTrigger
DAG, BaseOperator, BaseSensorOperator, BaseHook, BaseTrigger
sys.dont_write_bytecode = False  # an installed package is compiled
before = set(sys.modules)
milliseconds = []
until = time.monotonic() + 10
while len(milliseconds) < 6 or (min(milliseconds) >= 10 and time.monotonic() < until):
    for name in set(sys.modules) - before:
        del sys.modules[name]
    started = time.process_time()
    import airflow_provider_seats.operators, airflow_provider_seats.sensors, airflow_provider_seats.triggers
    milliseconds.append((time.process_time() - started) * 1000)
print(json.dumps([min(milliseconds), sorted(set(sys.modules) - before)]))
"""


@pytest.fixture(scope="module")
def imported() -> tuple[float, list[str]]:
    """Give the milliseconds that a DAG file takes for our imports at best, and the modules that are new with them."""
    milliseconds, added = _run(IMPORTS)
    return milliseconds, added


def test_a_dag_file_loads_no_http_library_on_our_account(imported: tuple[float, list[str]]) -> None:
    """Operators, sensors and triggers are parsed every few seconds; what sends is loaded when something is sent."""
    assert "airflow_provider_seats.operators" in imported[1]
    assert not [
        name for name in imported[1] if name.partition(".")[0] in {"requests", "urllib3", "httpx", "httpx2", "aiohttp"}
    ]


def test_a_dag_file_is_parsed_in_under_ten_milliseconds_more_than_airflow_needs(
    imported: tuple[float, list[str]],
) -> None:
    """The best of a few imports in one process, each of all the modules that were not there before."""
    # The bound is the promise itself. It is one of processor time, which a busy machine stretches less than real time;
    # while none of the imports keeps it, more are tried for ten seconds.
    assert imported[0] < 10
