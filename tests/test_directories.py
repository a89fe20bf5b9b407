"""The tasks of the page about directories, with stand-ins for libraries that are not installed here.

tests/system/test_sources.py runs the page's DAG for Okta.
"""

from __future__ import annotations

import re
import sys
from types import ModuleType, SimpleNamespace
from typing import Any, Self

import pytest

from airflow_provider_seats import _airflow
from tests.test_docs import blocks, for_this_airflow

ANN, BOB = "ann@example.com", "bob@example.com"


def task_of_page(monkeypatch: pytest.MonkeyPatch, name: str, **modules: dict[str, Any]) -> Any:
    """Return a function of the page, in a Python that has these modules."""
    for module, names in modules.items():
        path = module.replace("__", ".")
        for end in range(1, path.count(".") + 2):
            parent = ".".join(path.split(".")[:end])
            if parent not in sys.modules:
                monkeypatch.setitem(sys.modules, parent, ModuleType(parent))
        stand_in = ModuleType(path)
        vars(stand_in).update(names)
        monkeypatch.setitem(sys.modules, path, stand_in)
    page = [each.values[0] for each in blocks("python") if each.values[0].page == "docs/how-to/roster-directory.md"]
    [text] = [each.text for each in page if re.search(rf"def {name}\(", each.text)]
    found: dict[str, Any] = {}
    exec(compile(for_this_airflow(text), name, "exec"), found)  # noqa: S102 (our own page)
    return getattr(found[name], "function", found[name])


def test_entra_members_are_enabled_people_with_their_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guests and disabled accounts are left out of each page, and an account without an address is not."""
    operators: list[dict[str, Any]] = []
    active = task_of_page(
        monkeypatch,
        "active_members",
        airflow__providers__microsoft__azure__operators__msgraph={
            "MSGraphAsyncOperator": lambda **arguments: operators.append(arguments)
        },
    )

    def user(mail: str | None, kind: str = "Member", *, enabled: bool = True) -> dict[str, Any]:
        return {"mail": mail, "userType": kind, "accountEnabled": enabled}

    people = [user(ANN), user("cy@other.com", "Guest"), user("di@example.com", enabled=False), user(None)]
    assert active({"value": people}, ti=None) == [ANN, None]
    [operator] = operators
    assert operator["result_processor"] is active
    assert {*operator["query_parameters"]["$select"].split(",")} == {*people[0]}


def test_google_members_are_active_users_of_all_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups in the group and suspended accounts are left out, a page may be empty, and outside nobody has a status."""
    asked: list[Any] = []
    last: list[dict[str, Any]] = []

    class Hook:
        def __init__(self, service: str, version: str, *, gcp_conn_id: str) -> None:
            asked.append((service, version, gcp_conn_id))

        def query(self, endpoint: str, data: dict[str, Any], *, paginate: bool) -> list[dict[str, Any]]:
            asked.append((endpoint, data["groupKey"], paginate))
            group = {"email": "sre@example.com", "type": "GROUP", "status": "ACTIVE"}
            away = {"email": "cy@example.com", "type": "USER", "status": "SUSPENDED"}
            found = [{"email": email, "type": "USER", "status": "ACTIVE"} for email in (ANN, BOB)]
            outside = {"email": "di@other.com", "type": "USER"}
            return [{"members": [found[0], group]}, {}, {"members": [away, found[1], outside, *last]}]

    module = SimpleNamespace(GoogleDiscoveryApiHook=Hook)
    read = task_of_page(
        monkeypatch, "read_google_group", airflow__providers__google__common__hooks={"discovery_api": module}
    )
    assert read("staff@example.com") == [ANN, BOB, "di@other.com"]
    assert asked == [
        ("admin", "directory_v1", "google_cloud_default"),
        ("admin.members.list", "staff@example.com", True),
    ]
    last.append({"type": "CUSTOMER", "id": "C01"})
    with pytest.raises(ValueError, match=r"these members cannot be read one by one: \{'CUSTOMER'\}"):
        read("everyone@example.com")


def test_ldap_entries_are_read_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """References to other servers are no people, and a search that is cut raises an error, which ldap3 does not."""
    used: dict[str, Any] = {}
    end = {"description": "success"}

    class Connection:
        def __init__(self, server: Any, user: str, password: str, **options: Any) -> None:
            used.update(options, server=server, user=user)
            standard = SimpleNamespace(paged_search=self.search)
            self.extend = SimpleNamespace(standard=standard)
            self.result = end

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def search(self, base: str, text: str, **options: Any) -> list[dict[str, Any]]:
            used.update(options, base=base, filter=text)
            entries: list[dict[str, Any]] = [
                {"type": "searchResEntry", "attributes": {"mail": each}} for each in (ANN, BOB)
            ]
            return [*entries, {"type": "searchResRef", "uri": ["ldap://other"]}]

    connection = SimpleNamespace(host="ldap.example.com", login="reader", password="x", schema="DC=example,DC=com")
    monkeypatch.setattr(_airflow.BaseHook, "get_connection", lambda _: connection)
    ldap3 = {"Connection": Connection, "Server": lambda host, *, use_ssl: (host, use_ssl)}
    read = task_of_page(monkeypatch, "read_ldap_group", ldap3=ldap3)
    assert read("CN=staff,DC=example,DC=com") == [ANN, BOB]
    assert used["server"] == ("ldap.example.com", True)
    assert used["raise_exceptions"]
    assert used["paged_criticality"]
    assert not used["generator"]
    assert used["filter"].count("(") == used["filter"].count(")")
    end["description"] = "sizeLimitExceeded"
    with pytest.raises(ValueError, match=r"the search was cut: .*sizeLimitExceeded"):
        read("CN=staff,DC=example,DC=com")


@pytest.mark.parametrize("most", [1, 2, 100])
def test_scim_users_are_read_until_all_have_arrived(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """A server decides how many people a page has. The primary address counts, and inactive people do not."""
    users: list[dict[str, Any]] = [
        {"active": True, "emails": [{"value": ANN}]},
        {"active": False, "emails": []},
        {"active": True, "emails": [{"value": "bob@home.example"}, {"value": BOB, "primary": True}]},
    ]
    total = [3]
    removed: list[dict[str, Any]] = []

    class Hook:
        def __init__(self, *, method: str, http_conn_id: str) -> None:
            pass

        def run(self, endpoint: str, data: dict[str, int]) -> Any:
            start = data["startIndex"] - 1
            page: dict[str, Any] = {"totalResults": total[0]}
            if start and removed:
                users.remove(removed.pop())
                total[0] -= 1
                page["totalResults"] = total[0]
            if found := users[start : start + min(most, data["count"])]:
                page["Resources"] = found
            return SimpleNamespace(json=lambda: page)

    modules = {"airflow__providers__http__hooks__http": {"HttpHook": Hook}}
    read = task_of_page(monkeypatch, "read_scim_users", **modules)
    assert read() == [ANN, BOB]
    total[0] = 4
    with pytest.raises(ValueError, match="only 3 of 4 users arrived"):
        read()
    total[0] = 3
    removed.append(users[0])
    if most < len(users):
        with pytest.raises(ValueError, match=r"users were added or removed meanwhile: \{2, 3\}"):
            read()
