#!/usr/bin/env bash
# Datadog's official async client does not wait for a rate limit that ends in less than a second.
#
# Guess: with enable_retry=True, both official clients retry a 429 with X-RateLimit-Reset: 0 at once.
# Seen: ApiClient does. AsyncApiClient takes the 0 for "do not retry" and raises ApiException after one request, although
# max_retries is 3. With X-RateLimit-Reset: 1, both send again after a second. The header has the whole seconds
# to the next reset, and 0 is one of the values.
# Versions: datadog-api-client 2.62.0 with aiosonic 1.3.3 and urllib3 2.8.0, on Linux.
# It matters to those who move a working onboarding script to asyncio: it fails only under load, and only now and then.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip --disable-pip-version-check --quiet install \
    'datadog-api-client[async]==2.62.0' aiosonic==1.3.3 urllib3==2.8.0

seen=$("$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version

from datadog_api_client import ApiClient, AsyncApiClient, Configuration
from datadog_api_client.v2.api.users_api import UsersApi

answers = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status, headers, body = answers.pop(0)
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
configuration = Configuration(
    host=f"http://127.0.0.1:{server.server_port}",
    api_key={"apiKeyAuth": "a", "appKeyAuth": "b"},
    enable_retry=True,
    max_retries=3,
)


def sync():
    with ApiClient(configuration) as client:
        UsersApi(client).list_users()


async def asynchronous():
    async with AsyncApiClient(configuration) as client:
        await UsersApi(client).list_users()


print("datadog-api-client", version("datadog-api-client"))
for name, run in (("ApiClient", sync), ("AsyncApiClient", lambda: asyncio.run(asynchronous()))):
    for reset in ("0", "1"):
        limited = (429, {"X-RateLimit-Reset": reset}, b'{"errors": ["Too many requests"]}')
        answers[:] = [limited, (200, {}, b'{"data": []}')]
        try:
            run()
            end = "returned"
        except Exception as error:
            end = type(error).__name__
        print(f"{name}, reset {reset}: {2 - len(answers)} requests, {end}")
PYTHON
)
echo "$seen"
diff <(echo "$seen") - <<'EXPECTED'
datadog-api-client 2.62.0
ApiClient, reset 0: 2 requests, returned
ApiClient, reset 1: 2 requests, returned
AsyncApiClient, reset 0: 1 requests, ApiException
AsyncApiClient, reset 1: 2 requests, returned
EXPECTED
