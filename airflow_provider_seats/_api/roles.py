"""The role flow: who has a role.

Datadog's Roles API: https://docs.datadoghq.com/api/latest/roles/.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from airflow_provider_seats._api.flow import Flow, resources
from airflow_provider_seats._api.groups import Groups, Members, identified, list_members
from airflow_provider_seats._api.identifiers import canonical_uuid
from airflow_provider_seats._api.pages import Page, parse_total
from airflow_provider_seats._api.users import PERMISSION, User, parse_user

PATH: Final = "/api/v2/roles"


def list_role_members(roles: Iterable[str]) -> Flow[Members]:
    """Return the users who have roles: see :func:`list_members`.

    :param roles: ids or names. An id needs no search. Several roles may have the same name.
    """
    wanted = [canonical_uuid(role) or role for role in roles]
    return list_members(_ROLES, wanted, filter(canonical_uuid, wanted))


def _read_members(document: dict[str, Any]) -> Page[User]:
    users = [identified(parse_user(*row)) for row in resources(document)]
    filtered, total = (parse_total(document, "meta", "page", f"total_{kind}count") for kind in ("filtered_", ""))
    return Page({user.id: user for user in users}, total if filtered is None else filtered)


_ROLES: Final = Groups(
    argument="roles",
    name="name",
    has="role has the name or id",
    advice="Pass each name exactly as Datadog shows it. If several roles have it, pass the id of one of them.",
    path=PATH,
    search="filter",
    members=f"{PATH}/{{role_id}}/users",
    permission=PERMISSION,
    total=("page", "total_filtered_count"),
    read_members=_read_members,
)
