"""The distribution: the contents and the metadata of the wheel and the sdist."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from email.parser import Parser
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path

import pytest

from airflow_provider_seats import __version__
from tests.helpers.airflow_home import AIRFLOW, ROOT


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build the wheel and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    [wheel], [sdist] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def test_the_wheel_contains_the_package_its_types_and_its_entry_point(built: tuple[Path, Path]) -> None:
    """The wheel contains the package, its types and its entry point, and neither tests nor examples."""
    with zipfile.ZipFile(built[0]) as wheel:
        names = set(wheel.namelist())
        info = f"airflow_provider_seats-{__version__}.dist-info"
        entries = wheel.read(f"{info}/entry_points.txt").decode()
        metadata = Parser().parsestr(wheel.read(f"{info}/METADATA").decode())
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "airflow_provider_seats").rglob("*.py")}
    assert {name for name in names if ".dist-info/" not in name} == sources | {"airflow_provider_seats/py.typed"}
    assert f"{info}/licenses/LICENSE" in names
    assert "[apache_airflow_provider]" in entries
    assert "airflow_provider_seats:get_provider_info" in entries
    assert (metadata["Name"], metadata["License-Expression"]) == ("airflow-provider-seats", "Apache-2.0")
    assert metadata["Requires-Python"] == ">=3.11"
    assert "Framework :: Apache Airflow :: Provider" in metadata.get_all("Classifier", [])
    requirements = metadata.get_all("Requires-Dist", [])
    needed = {re.split("[<>=]", requirement)[0] for requirement in requirements if "extra ==" not in requirement}
    assert needed == {"apache-airflow", "requests"}
    assert [each.partition(";")[2].strip() for each in requirements if each.startswith("openpyxl")] == [
        "extra == 'excel'"
    ]


def test_the_sdist_is_enough_to_test_from(built: tuple[Path, Path]) -> None:
    """The sdist contains the tests, the examples, and the pinned versions that they need."""
    with tarfile.open(built[1]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    top = (
        "Makefile",
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "LICENSE",
        ".pre-commit-config.yaml",
    )
    ci = (".ci/run", ".ci/pins", ".ci/constraints/airflow-2.11.0.txt")
    others = ("docs/index.md", "docs/images/graph.png", "tests/_planning/test_plan.py", "example_dags/seat_review.py")
    assert {*top, *ci, *others} <= names


def test_twine_accepts_the_wheel_and_the_sdist(built: tuple[Path, Path]) -> None:
    """Twine finds no problem in the wheel and the sdist."""
    command = [sys.executable, "-m", "twine", "check", *map(str, built)]
    checked = subprocess.run(command, check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_an_index_and_a_folder_of_wheels_have_the_package(built: tuple[Path, Path], tmp_path: Path) -> None:
    """Pip finds the wheel by its name in a folder, and in the folders of a plain web server."""
    index = tmp_path / "simple/airflow-provider-seats"
    index.mkdir(parents=True)
    shutil.copy(built[0], index)
    serve = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    pip = [sys.executable, "-m", "pip", "--isolated", "download", "--no-deps", f"airflow-provider-seats=={__version__}"]
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/simple/"
        for number, source in enumerate((["--index-url", address], ["--no-index", "--find-links", str(index)])):
            found = tmp_path / str(number)
            subprocess.run([*pip, *source, "--dest", str(found)], check=True, capture_output=True)
            assert [path.name for path in found.iterdir()] == [built[0].name]
        server.shutdown()


@pytest.mark.airflow
@pytest.mark.xdist_group("wheel")
def test_the_wheel_alone_works_in_a_bare_airflow_and_beside_its_neighbour(
    built: tuple[Path, Path], tmp_path: Path
) -> None:
    """It changes no version that this Airflow pins, all of it can be loaded, and Airflow's Datadog provider works."""
    # The environment is named after the file of its pinned versions.
    [airflow] = re.findall(r"airflow-[0-9.]*[0-9]", Path(sys.prefix).name)
    pins = [
        "--constraint",
        str(ROOT / f".ci/constraints/{airflow}.txt"),
        f"apache-airflow=={version('apache-airflow')}",
    ]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "PYTHON"))}
    environment = {**inherited, "AIRFLOW_HOME": str(tmp_path)}
    python = str(tmp_path / "venv/bin/python")

    def run(*command: str) -> str:
        done = subprocess.run(command, env=environment, cwd=tmp_path, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def uv(command: str, *arguments: str) -> str:
        return run(sys.executable, "-m", "uv", "pip", command, "--quiet", "--python", python, *arguments)

    def types() -> dict[str, str]:
        listed = run(python, "-m", "airflow", "providers", "hooks", "-o", "json")
        hooks = json.loads(listed[listed.index("[{") :])
        return {hook["connection_type"]: hook["class"] for hook in hooks if "datadog" in hook["connection_type"]}

    ours = {"datadog_seats": "airflow_provider_seats.hooks.DatadogSeatsHook"}
    run(sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv"))
    uv("install", *pins)
    before = set(uv("freeze").splitlines())
    uv("install", *pins, str(built[0]))
    [added] = set(uv("freeze").splitlines()) - before
    assert added.startswith("airflow-provider-seats @ ")
    package = ROOT / "airflow_provider_seats"
    paths = (path.relative_to(package).with_suffix("") for path in package.rglob("*.py") if path.stem[:2] != "__")
    rooms = sorted(".".join(path.parts) for path in paths)
    newer = {"retries"} if AIRFLOW < (3, 3) else set()
    run(python, "-c", "".join(f"import airflow_provider_seats.{room}\n" for room in rooms if room not in newer))
    assert types() == ours
    uv("install", *pins, "apache-airflow-providers-datadog")
    assert types() == ours | {"datadog": "airflow.providers.datadog.hooks.datadog.DatadogHook"}
