#!/usr/bin/env bash
# scim2-models refuses a whole list of users because one of them has an address in the domain of an old directory.
#
# Guess: a syntactically valid address is read as it is, whatever its domain.
# Seen: emails.value is pydantic's EmailStr, which refuses the top-level domain .local (reserved for mDNS), so that the
# list of everyone is one ValidationError. Many Active Directory forests are named corp.local. The same text is accepted
# as userName. An address in a domain with punycode comes out with the letters that it stands for, so it is no longer
# the text that the server knows.
# Versions: scim2-models 0.12.3 with pydantic 2.14.4 and email-validator 2.4.0, on Linux.
# It matters to a roster from a directory: read the addresses from the JSON, or take userName.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip --disable-pip-version-check --quiet install \
    scim2-models==0.12.3 pydantic==2.14.4 email-validator==2.4.0

seen=$("$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

from pydantic import ValidationError
from scim2_models import Context, ListResponse, User

print("scim2-models", version("scim2-models"))


def people(*emails):
    users = [
        {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": str(number),
            "userName": email,
            "emails": [{"value": email, "primary": True}],
        }
        for number, email in enumerate(emails)
    ]
    response = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": len(users),
        "Resources": users,
    }
    listed = ListResponse[User].model_validate(response, scim_ctx=Context.RESOURCE_QUERY_RESPONSE)
    return [(user.user_name, user.emails[0].value) for user in listed.resources]


for emails in (["ann@example.com"], ["ann@example.com", "ben@corp.local"], ["ann@xn--bcher-kva.example"]):
    try:
        print(people(*emails))
    except ValidationError as error:
        print(".".join(map(str, error.errors()[0]["loc"])), error.errors()[0]["type"])
PYTHON
)
echo "$seen"
diff <(echo "$seen") - <<'EXPECTED'
scim2-models 0.12.3
[('ann@example.com', 'ann@example.com')]
Resources.1.emails.0.value value_error
[('ann@xn--bcher-kva.example', 'ann@bücher.example')]
EXPECTED
