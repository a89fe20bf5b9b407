#!/usr/bin/env bash
# ldap3 returns the people of a search that the server has cut, also with raise_exceptions=True.
#
# Guess: raise_exceptions=True raises for every result that is not a success.
# Seen: the results sizeLimitExceeded and timeLimitExceeded raise nothing (DO_NOT_RAISE_EXCEPTIONS). A paged search whose
# second page ends so returns two pages of three, and only connection.result says it. unwillingToPerform does raise.
# Versions: ldap3 2.9.1, with its server in memory (MOCK_SYNC), on Linux.
# It matters to a roster: people who are missing in it lose the seat.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip --disable-pip-version-check --quiet install ldap3==2.9.1

seen=$("$folder/venv/bin/python" - <<'PYTHON'
from ldap3 import __version__, MOCK_SYNC, OFFLINE_AD_2012_R2, Connection, Server
from ldap3.core.exceptions import LDAPOperationResult

print("ldap3", __version__)
for code in (0, 4, 3, 53):
    connection = Connection(
        Server("memory", get_info=OFFLINE_AD_2012_R2), "cn=admin,dc=e", "p", client_strategy=MOCK_SYNC, raise_exceptions=True
    )
    connection.strategy.add_entry("cn=admin,dc=e", {"userPassword": "p", "sn": "a", "objectClass": "person"})
    for number in range(30):
        person = {"objectClass": "user", "mail": f"u{number}@example.com", "sn": "x"}
        connection.strategy.add_entry(f"cn=u{number},ou=p,dc=e", person)
    connection.bind()
    search, pages = connection.strategy.mock_search, []

    def cut(*request):
        responses, result = search(*request)
        pages.append(result)
        return responses, {**result, "resultCode": code, "controls": []} if code and len(pages) == 2 else result

    connection.strategy.mock_search = cut
    try:
        people = connection.extend.standard.paged_search(
            "ou=p,dc=e", "(objectClass=user)", attributes=["mail"], paged_size=10, generator=False
        )
        print(len(people), connection.result["description"])
    except LDAPOperationResult as error:
        print(type(error).__name__)
PYTHON
)
expected='ldap3 2.9.1
30 success
20 sizeLimitExceeded
20 timeLimitExceeded
LDAPUnwillingToPerformResult'
echo "$seen"
[ "$seen" = "$expected" ] || {
    echo "This has changed." >&2
    exit 1
}
