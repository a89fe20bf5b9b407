#!/usr/bin/env bash
# scim2-models refuses the answer to a query that asks only how many people there are.
#
# Guess: a list without Resources is valid if count=0 was asked. RFC 7644 (3.4.2.4): nothing but totalResults is returned.
# Seen: validated as the response to a query, it is an error (no_resource_error), because section 3.4.2 of the same RFC
# requires Resources if totalResults is not zero. An empty array is accepted, and so is the same document without a
# context. The request with count=0 is accepted.
# Versions: scim2-models 0.12.3 with pydantic 2.14.4, on Linux.
# It matters to the check that a roster is complete, which compares its length with the count of the directory.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip --disable-pip-version-check --quiet install scim2-models==0.12.3 pydantic==2.14.4

seen=$("$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

from pydantic import ValidationError
from scim2_models import Context, ListResponse, SearchRequest, User

print("scim2-models", version("scim2-models"))
print("count", SearchRequest(count=0).count)
answer = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 120}
for document in (answer, {**answer, "Resources": []}):
    for context in (Context.RESOURCE_QUERY_RESPONSE, None):
        try:
            seen = ListResponse[User].model_validate(document, scim_ctx=context).total_results
        except ValidationError as error:
            seen = error.errors()[0]["type"]
        print("Resources" in document, context and context.name, seen)
PYTHON
)
echo "$seen"
diff <(echo "$seen") - <<'EXPECTED'
scim2-models 0.12.3
count 0
False RESOURCE_QUERY_RESPONSE no_resource_error
False None 120
True RESOURCE_QUERY_RESPONSE 120
True None 120
EXPECTED
