"""The page about connections: Airflow's secrets backends read what it says, under the names that it says."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from tests.helpers.airflow_home import ROOT, free_port, wait_for

pytestmark = [pytest.mark.airflow, pytest.mark.xdist_group("secrets")]

PAGE: Final = (ROOT / "docs/how-to/connections.md").read_text()
CONNECTION: Final = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])
KEYS: Final = {"DD-API-KEY": CONNECTION["extra"]["api_key"], "DD-APPLICATION-KEY": CONNECTION["password"]}
# Reads the connection as a task does, after the lines that put it into a store.
READ: Final = """
import json
from airflow_provider_seats.hooks import DatadogSeatsHook

found = DatadogSeatsHook().get_conn().connection
print(json.dumps([found.base_url, dict(found.key_headers())]))
"""
AWS: Final = """
from moto import mock_aws

mock_aws().start()
import boto3
"""
GCP: Final = """
from types import SimpleNamespace
from unittest import mock

from google.api_core.exceptions import NotFound
from google.cloud.secretmanager_v1 import SecretManagerServiceClient

class Service:
    secret_version_path = staticmethod(SecretManagerServiceClient.secret_version_path)

    def access_secret_version(self, request):
        if request != {{"name": "projects/my-project/secrets/{name}/versions/latest"}}:
            raise NotFound(request["name"])
        return SimpleNamespace(payload=SimpleNamespace(data=open("datadog_default.json", "rb").read()))

backend = "airflow.providers.google.cloud"
mock.patch(f"{{backend}}.secrets.secret_manager.get_credentials_and_project_id", lambda **_: (None, "")).start()
mock.patch(f"{{backend}}._internal_client.secret_manager_client._SecretManagerClient.client", Service()).start()
"""
AZURE: Final = """
from types import SimpleNamespace
from unittest import mock

from azure.core.exceptions import ResourceNotFoundError

def get_secret(name):
    if name != "{name}":
        raise ResourceNotFoundError(name)
    return SimpleNamespace(value=open("datadog_default.json").read())

backend = "airflow.providers.microsoft.azure.secrets.key_vault.AzureKeyVaultBackend"
mock.patch(f"{{backend}}.client", SimpleNamespace(get_secret=get_secret)).start()
"""
KUBERNETES: Final = """
import base64
from types import SimpleNamespace
from unittest import mock

import yaml

secret = yaml.safe_load({name!r})
labels = [f"{{key}}={{value}}" for key, value in secret["metadata"]["labels"].items()]

def list_namespaced_secret(namespace, label_selector, resource_version):
    wanted = [each for each in label_selector.split(",") if not each.startswith("!")]
    data = {{key: base64.b64encode(text.encode()) for key, text in secret["stringData"].items()}}
    found = SimpleNamespace(metadata=SimpleNamespace(name=secret["metadata"]["name"]), data=data)
    return SimpleNamespace(items=[found] if namespace == "airflow" and wanted == labels else [])

backend = "airflow.providers.cncf.kubernetes.secrets.kubernetes_secrets_backend.KubernetesSecretsBackend"
mock.patch(f"{{backend}}.client", SimpleNamespace(list_namespaced_secret=list_namespaced_secret)).start()
"""


def section(heading: str) -> str:
    """Return the text below a heading of the page."""
    [text] = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return str(text)


def settings(heading: str, **changes: str) -> dict[str, str]:
    """Return the settings that a section shows, as environment variables."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(re.findall(r"```text\n(\[secrets\].*?)```", section(heading), re.DOTALL)[0])
    shown = dict(parser["secrets"])
    shown["backend_kwargs"] = json.dumps(json.loads(shown["backend_kwargs"]) | changes)
    return {f"AIRFLOW__SECRETS__{name.upper()}": value for name, value in shown.items()}


def name_in(heading: str) -> str:
    """Return the name that the command of a section gives to the secret."""
    return str(re.findall(r"(?:--name|secrets create) (\S+)", section(heading))[0])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the file that the commands of the page read."""
    (tmp_path / "datadog_default.json").write_text(json.dumps(CONNECTION))
    return tmp_path


def read(folder: Path, store: str, **environment: str) -> list[Any]:
    """Run what puts the connection into a store, and return the address and the keys that the hook finds."""
    quiet = {"AIRFLOW_HOME": str(folder), "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
    region, key, secret = "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
    keys = {region: "eu-central-1", key: "testing", secret: "testing"}
    done = subprocess.run(
        [sys.executable, "-c", store + READ],
        cwd=folder,
        env={**os.environ, **quiet, **keys, **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return list(json.loads(done.stdout.splitlines()[-1]))


FOUND: Final = ["https://api.datadoghq.eu", KEYS]


def test_the_uri_is_the_same_connection(folder: Path) -> None:
    """The URI of the page has the fields of its JSON."""
    [uri] = re.findall(r"```text\n(datadog-seats://.*)\n```", PAGE)
    assert read(folder, "", AIRFLOW_CONN_DATADOG_DEFAULT=uri) == FOUND


def test_encoded_values_of_a_uri_are_read_as_they_were(folder: Path) -> None:
    """A key with special characters in a URI is the key, if it is percent-encoded as the page says."""
    uri = "datadog-seats://:a%2Bb%2Fc%3D%40d@/?api_key=e%26f%2Bg&site=datadoghq.eu"
    assert read(folder, "", AIRFLOW_CONN_DATADOG_DEFAULT=uri)[1] == {
        "DD-API-KEY": "e&f+g",
        "DD-APPLICATION-KEY": "a+b/c=@d",
    }


def test_aws_secrets_manager_has_the_connection(folder: Path) -> None:
    """The backend finds the JSON under the name that the command gives it."""
    pytest.importorskip("moto", reason="make test-secrets installs it")
    heading = "AWS Secrets Manager"
    create = "client.create_secret(Name={!r}, SecretString=open('datadog_default.json').read())"
    store = f"{AWS}\nclient = boto3.client('secretsmanager')\n" + create.format(name_in(heading))
    assert read(folder, store, **settings(heading)) == FOUND


def test_aws_parameter_store_has_the_connection(folder: Path) -> None:
    """The backend finds the JSON under the name that the command gives it."""
    pytest.importorskip("moto", reason="make test-secrets installs it")
    heading = "AWS Systems Manager Parameter Store (SSM)"
    put = "client.put_parameter(Name={!r}, Type='SecureString', Value=open('datadog_default.json').read())"
    store = f"{AWS}\nclient = boto3.client('ssm')\n" + put.format(name_in(heading))
    assert read(folder, store, **settings(heading)) == FOUND


@pytest.mark.parametrize(
    ("heading", "stand_in", "needs"),
    [
        ("GCP Secret Manager", GCP, "google.cloud.secretmanager_v1"),
        ("Azure Key Vault", AZURE, "azure.keyvault.secrets"),
    ],
)
def test_a_cloud_backend_asks_for_the_name_on_the_page(folder: Path, heading: str, stand_in: str, needs: str) -> None:
    """The backend asks the service for the name that the command gives, and for no other."""
    pytest.importorskip(needs, reason="make test-secrets installs it")
    assert read(folder, stand_in.format(name=name_in(heading)), **settings(heading)) == FOUND


def test_the_backend_of_kubernetes_finds_the_secret_by_its_label(folder: Path) -> None:
    """The backend asks for the label that the manifest has, and reads the key that it has."""
    pytest.importorskip("kubernetes", reason="make test-secrets installs it")
    [manifest] = re.findall(r"```yaml\n(.*?)```", section("Kubernetes"), re.DOTALL)
    assert read(folder, KUBERNETES.format(name=manifest), **settings("Kubernetes")) == FOUND


@pytest.fixture
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Serve an OpenBao, which has the API of Vault, and return what its command needs."""
    program = shutil.which("bao", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        pytest.skip("make test-secrets installs OpenBao")
    port = free_port()
    command = [program, "server", "-dev", "-dev-root-token-id=root", f"-dev-listen-address=127.0.0.1:{port}"]
    # The server writes its token to the home directory.
    home = {"HOME": str(tmp_path_factory.mktemp("home"))}
    with subprocess.Popen(
        command, env={**os.environ, **home}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(lambda: requests.get(f"{url}/v1/sys/health", timeout=5).ok, 60, lambda: "OpenBao does not answer")
            yield {"program": program, "VAULT_ADDR": url, "VAULT_TOKEN": "root", **home}
        finally:
            server.terminate()


def test_vault_has_the_connection(folder: Path, vault: dict[str, str]) -> None:
    """The commands of the page store the JSON and the URI where the backend reads them."""
    heading = "HashiCorp Vault (KV version 2)"
    program = vault.pop("program")
    (folder / "datadog_default.uri").write_text(re.findall(r"^(datadog-seats://.*)$", PAGE, re.MULTILINE)[0])
    commands = re.findall(r"(?:^\$ |`)(vault [^`\n]+)", section(heading), re.MULTILINE)
    kwargs = settings(heading, url=vault["VAULT_ADDR"], token="root")
    assert len(commands) == 3
    for command in commands:
        subprocess.run(
            [program, *command.split()[1:]], cwd=folder, env={**os.environ, **vault}, check=True, capture_output=True
        )
        if " kv put " in command:
            assert read(folder, "", **kwargs) == FOUND
