"""The package as a provider: discovery, metadata, imports, and the cost of importing it."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import airflow_provider_seats
from airflow_provider_seats import get_provider_info

PACKAGE = Path(airflow_provider_seats.__file__).parent
# What each part of the package may import of the package, besides itself. Arrows go one way.
BASE = {"_secrets", "_text", "exceptions"}
PURE = {"connection", "report", *BASE}
ARGUMENTS = {"_arguments", "_not_passed"}
ALL_BELOW_TASKS = {
    "_airflow",
    "_storage",
    "_state_parts",
    "_connect",
    "_planning",
    "_rosters",
    "_api",
    *ARGUMENTS,
    *PURE,
}
MAY_IMPORT = {
    "__init__": {"_connection_form", "connection"},
    "_secrets": set(),
    "_text": set(),
    "_airflow": set(),
    "_not_passed": set(),
    "_own_arguments": set(),
    "_state_parts": {"_planning"},
    "exceptions": {"_text"},
    "report": set(),
    "connection": BASE,
    "_connection_form": {"connection", *BASE},
    "_api": {"connection", *BASE},
    "_arguments": {"_api", "_not_passed", *PURE},
    "_rosters": {"_api", *ARGUMENTS, *PURE},
    "_planning": {"_api", "_rosters", *ARGUMENTS, *PURE},
    "_storage": {"_airflow", "_arguments", "_api", *BASE},
    "_connect": {"_airflow", "_api", *PURE},
    "hooks": {
        "_airflow",
        "_connect",
        "_connection_form",
        "_storage",
        "_planning",
        "_rosters",
        "_api",
        *ARGUMENTS,
        *PURE,
    },
    "_running": ALL_BELOW_TASKS,
    "_waiting": ALL_BELOW_TASKS,
    "testing": {"_api", "connection"},
}
# Modules that users import. Airflow loads some of them when it parses a DAG file.
TASKS = {"_running", "_waiting"}
PUBLIC = ALL_BELOW_TASKS | {*TASKS, "_own_arguments", "hooks", "links", "triggers"}


def test_the_provider_info_is_valid_against_airflows_own_schema() -> None:
    """The provider metadata fit the schema that Airflow checks when it starts."""
    jsonschema = pytest.importorskip("jsonschema", reason="comes with Airflow")
    airflow = Path(importlib.import_module("airflow").__file__ or "").parent
    jsonschema.validate(get_provider_info(), json.loads((airflow / "provider_info.schema.json").read_text()))


def test_the_connection_fields_are_valid_against_airflows_full_schema() -> None:
    """The connection fields fit the full schema, which Airflow does not check at run time."""
    jsonschema = pytest.importorskip("jsonschema", reason="comes with Airflow")
    airflow = Path(importlib.import_module("airflow").__file__ or "").parent
    full = json.loads((airflow / "provider.yaml.schema.json").read_text())
    kinds = full["properties"]["connection-types"]
    if "conn-fields" not in json.dumps(kinds):
        pytest.skip("this Airflow has no conn-fields yet")
    jsonschema.validate(get_provider_info()["connection-types"], {**full, **kinds})


def test_the_entry_point_and_the_name_fit_the_distribution() -> None:
    """The entry point returns the name and version of the distribution, as Airflow demands."""
    info = get_provider_info()
    distribution = importlib.metadata.distribution("airflow-provider-seats")
    assert info["package-name"] == distribution.metadata["Name"] == "airflow-provider-seats"
    assert distribution.version == airflow_provider_seats.__version__
    entries = importlib.metadata.entry_points(group="apache_airflow_provider")
    assert get_provider_info in [entry.load() for entry in entries if entry.value.startswith("airflow_provider_seats:")]


def test_everything_named_in_the_provider_info_exists() -> None:
    """Every module and class in the provider metadata exists, and the hook has the declared type."""
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


class Import(NamedTuple):
    """An import statement: the module that it names, and whether it runs when the importing module is loaded."""

    name: str
    at_load: bool


def imports(path: Path) -> list[Import]:
    """Return the imports of a module, without those for types only."""
    found: list[Import] = []

    def visit(node: ast.AST, *, at_load: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.Import):
                found.extend(Import(alias.name, at_load) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                found.append(Import(child.module or "", at_load))
            visit(child, at_load=at_load and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))

    visit(ast.parse(path.read_text()), at_load=True)
    return found


def module(path: Path) -> str:
    """Return the dotted name of a module within the package."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def part(name: str) -> str:
    """Return the folder or top-level module that a dotted name within the package belongs to."""
    return name.partition(".")[0] or "__init__"


def inner(name: str) -> str | None:
    """Return the name of a module within the package; None if it is outside."""
    package, _, rest = name.partition(".")
    return rest if package == PACKAGE.name else None


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=module)
def test_imports_go_one_way(path: Path) -> None:
    """A module imports only what its folder may import."""
    own = part(module(path))
    allowed = MAY_IMPORT.get(own, PUBLIC) | {own, "__init__"}
    for name, at_load in imports(path):
        target = inner(name)
        if target is None:
            continue
        assert part(target) in allowed, f"{module(path)} imports {target}"
        if own not in {*TASKS, "testing"}:
            assert not (at_load and part(target) in TASKS), f"{module(path)} loads {target} in a DAG file"


def test_one_module_imports_from_airflow() -> None:
    """Only ``_airflow`` imports from Airflow, so only it has to know how its versions differ."""
    importers = {
        module(path)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom | ast.Import)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
        if name.partition(".")[0] == "airflow"
    }
    assert importers == {"_airflow"}


WITH_AIRFLOW = {"_airflow", "_connect", "_storage", "hooks", "_connection_form", *TASKS}
WITHOUT_AIRFLOW = [path for path in MODULES if part(module(path)) in {*MAY_IMPORT} - WITH_AIRFLOW]


@pytest.mark.parametrize("path", WITHOUT_AIRFLOW, ids=module)
def test_modules_without_airflow_load_the_standard_library_only(path: Path) -> None:
    """The pure parts import no other library. The client loads requests, and rosters openpyxl, when they need it."""
    is_transport = module(path) == "_api.transport"
    for name, at_load in imports(path):
        top = name.partition(".")[0]
        if module(path).startswith("_rosters.xlsx_") and top == "openpyxl":
            assert not at_load
        elif inner(name) is None and top not in sys.stdlib_module_names:
            assert top in {"requests", "urllib3"}
            assert is_transport or (not at_load and module(path) == "_api.client")


def test_each_module_has_a_file_of_tests() -> None:
    """The tests have the folders of the package, and a file for each module."""
    tests = Path(__file__).parent
    modules = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path.stem != "__init__"]
    expected = [tests / each.with_name(f"test_{each.name.strip('_').replace('__.', '.')}") for each in modules]
    assert [str(path.relative_to(tests)) for path in expected if not path.exists()] == []


def test_imports_make_no_cycle() -> None:
    """The modules of the package can be sorted so that each imports only earlier ones when it is loaded."""
    left = {
        module(path): {
            target for name, at_load in imports(path) if at_load and (target := inner(name)) and target != module(path)
        }
        for path in MODULES
    }
    known = {name.removesuffix(".__init__") for name in left}
    left = {name.removesuffix(".__init__"): targets & known for name, targets in left.items()}
    while left:
        leaves = {name for name, targets in left.items() if not targets & left.keys()}
        assert leaves, f"a cycle among {sorted(left)}"
        left = {name: targets for name, targets in left.items() if name not in leaves}


def test_names_are_easy_to_tell_apart() -> None:
    """No two classes have one name, and no two modules have names that differ by an s."""
    ours = [path for path in MODULES if part(module(path)) != "testing"]
    classes = [
        node.name for path in ours for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)
    ]
    assert [name for name, count in Counter(classes).items() if count > 1] == []
    names = {path.stem for path in ours}
    assert {name for name in names if f"{name}s" in names} == set()


def test_no_module_is_longer_than_350_lines() -> None:
    """A module fits into one head."""
    assert {module(path): lines for path in MODULES if (lines := len(path.read_text().splitlines())) > 350} == {}


def _run(code: str) -> Any:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_the_package_itself_loads_nothing_of_airflow() -> None:
    """The package imports nothing of Airflow, because Airflow asks for the metadata before it can be imported."""
    loaded = _run(
        "import json, sys, airflow_provider_seats as p; p.get_provider_info(); print(json.dumps(list(sys.modules)))"
    )
    assert not [name for name in loaded if name.partition(".")[0] in {"airflow", "requests", "urllib3"}]


IMPORTS = """
import json, sys, time
from tests.helpers.airflow_names import DAG
from airflow_provider_seats._airflow import BaseOperator, BaseSensorOperator, BaseHook, BaseTrigger
sys.dont_write_bytecode = False  # an installed package is compiled
before = {name for name in sys.modules if not name.startswith("airflow_provider_seats")}
milliseconds = []
until = time.monotonic() + 10
while len(milliseconds) < 6 or (min(milliseconds) >= 10 and time.monotonic() < until):
    for name in set(sys.modules) - before:
        del sys.modules[name]
    started = time.process_time()
    import airflow_provider_seats.operators, airflow_provider_seats.sensors, airflow_provider_seats.triggers
    import airflow_provider_seats.rosters
    milliseconds.append((time.process_time() - started) * 1000)
print(json.dumps([min(milliseconds), sorted(set(sys.modules) - before)]))
"""


@pytest.fixture(scope="module")
def imported() -> tuple[float, list[str]]:
    """Return how many milliseconds the imports take in a DAG file at best, and the modules that they load."""
    milliseconds, added = _run(IMPORTS)
    return milliseconds, added


def test_a_dag_file_loads_no_http_library(imported: tuple[float, list[str]]) -> None:
    """A DAG file that imports operators, sensor, triggers and rosters loads no HTTP library and reads no file."""
    assert "airflow_provider_seats.operators" in imported[1]
    assert "airflow_provider_seats._rosters.roster_file" not in imported[1]
    assert not [
        name for name in imported[1] if name.partition(".")[0] in {"requests", "urllib3", "httpx", "httpx2", "aiohttp"}
    ]


def test_imports_take_under_ten_milliseconds_in_a_dag_file(
    imported: tuple[float, list[str]],
) -> None:
    """Importing operators, sensor, triggers and rosters in a DAG file takes under ten milliseconds."""
    # The bound is the promise itself. It is processor time, which a busy machine lengthens less than real time. If no
    # import keeps it, more are tried for ten seconds.
    assert imported[0] < 10
