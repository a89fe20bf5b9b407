"""FakeDatadog's roles: the official client reads them, and they are searched and paged as Datadog documents."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_seats.testing import ROLES, FakeDatadog
from tests.testing.conftest import GHOST, ask


def test_the_official_client_reads_roles(datadog: FakeDatadog, official: Any) -> None:
    """The official client finds roles by a part of their name or by id, and reads their attributes."""
    from datadog_api_client.v2.api.roles_api import RolesApi
    from datadog_api_client.v2.model.roles_sort import RolesSort

    ann = datadog.add_user("ann@x.com")
    sre = datadog.add_role("SRE", [ann])
    other = datadog.add_role("SRE", [ann, datadog.add_user("bob@x.com")])
    datadog.add_role("Datadog Admin Role")
    api = RolesApi(official)
    found = api.list_roles(filter="sre", page_size=100, page_number=0)
    assert [(each.id, each.attributes.name, each.attributes.user_count) for each in found.data] == [
        (sre, "SRE", 1),
        (other, "SRE", 2),
    ]
    assert found.data[0].type.value == "roles"
    assert (found.meta.page.total_count, found.meta.page.total_filtered_count) == (3, 2)
    assert [each.id for each in api.list_roles(filter_id=f"{GHOST},{other}").data] == [other]
    assert [each.attributes.name for each in api.list_roles(page_size=1, page_number=0).data] == ["Datadog Admin Role"]
    by_users = api.list_roles(sort=RolesSort.USER_COUNT_DESCENDING)
    assert [each.attributes.user_count for each in by_users.data] == [2, 1, 0]


def test_the_official_client_reads_the_users_of_a_role(datadog: FakeDatadog, official: Any) -> None:
    """The official client reads the users of a role page by page, with the attributes of the user list."""
    from datadog_api_client.v2.api.roles_api import RolesApi
    from datadog_api_client.v2.api.users_api import UsersApi

    people = [datadog.add_user(f"u{number}@x.com") for number in range(5)]
    datadog.add_user("other@x.com")
    gone = datadog.add_user("gone@x.com", status="Disabled", service_account=True)
    role = datadog.add_role("SRE", [*people, "gone@x.com"])
    api = RolesApi(official)
    pages = [api.list_role_users(role, page_size=2, page_number=number) for number in range(4)]
    assert [each.id for page in pages for each in page.data] == [*people, gone]
    # The total is that of the role, not of the organisation.
    assert {page.meta.page.total_count for page in pages} == {6}
    assert (pages[2].data[1].attributes.disabled, pages[2].data[1].attributes.service_account) == (True, True)
    assert pages[0].data[0] == UsersApi(official).get_user(people[0]).data
    assert [each.attributes.name for each in pages[0].included] == ["SRE"]
    found = api.list_role_users(role, filter="U3@")
    assert [each.id for each in found.data] == [people[3]]
    assert (found.meta.page.total_count, found.meta.page.total_filtered_count) == (6, 1)
    assert len(api.list_role_users(role.upper()).data) == 6


def test_the_official_client_gets_errors(datadog: FakeDatadog, official: Any) -> None:
    """An unknown role is a 404, and a missing permission is a 403 with Datadog's explanation."""
    from datadog_api_client.exceptions import ForbiddenException, NotFoundException
    from datadog_api_client.v2.api.roles_api import RolesApi

    api = RolesApi(official)
    with pytest.raises(NotFoundException) as missing:
        api.list_role_users(GHOST)
    assert missing.value.status == 404
    datadog.permissions.remove("user_access_read")
    with pytest.raises(ForbiddenException):
        api.list_roles()


@pytest.mark.parametrize("params", [{"page[size]": 101}, {"page[size]": 0}, {"page[number]": "x"}, {"sort": "email"}])
def test_parameters_that_are_not_documented_are_refused(datadog: FakeDatadog, params: dict[str, Any]) -> None:
    """A page that cannot be, and an order that is not documented, are a 400."""
    assert ask(datadog, "GET", ROLES, params=params)[0] == 400
    if "sort" not in params:
        assert ask(datadog, "GET", f"{ROLES}/{GHOST}/users", params=params)[0] == 400


def test_a_role_can_be_replaced(datadog: FakeDatadog) -> None:
    """A role with the id of another takes its place, and may have members that no account belongs to."""
    role = datadog.add_role("SRE")
    assert datadog.add_role("SRE", [GHOST], role_id=role.upper()) == role
    assert ask(datadog, "GET", f"{ROLES}/{role}/users")[1]["data"] == []
    assert [each["id"] for each in ask(datadog, "GET", ROLES)[1]["data"]] == [role]
