"""Run by `helm test`: print one document through the gateway's Service, and look at it."""

import json
import os
import sys
import time
import urllib.error
import urllib.request

DEADLINE = time.monotonic() + 90
BODY = json.dumps({"html": "<h1>{{ greeting }}</h1>", "data": {"greeting": "It works."}})


def render() -> bytes:
    """One try. OSError where it did not work."""
    headers = {"Authorization": f"Bearer {os.environ['KEY']}", "Content-Type": "application/json"}
    request = urllib.request.Request(os.environ["URL"], BODY.encode(), headers)
    with urllib.request.urlopen(request, timeout=75) as answer:
        return answer.read()


while True:
    try:
        document = render()
        break
    except OSError as error:
        # The gateways see a new key within moments of its creation.
        said = error.read().decode() if isinstance(error, urllib.error.HTTPError) else ""
        print(f"{error} {said}".strip(), flush=True)
        if time.monotonic() > DEADLINE:
            sys.exit("No document came.")
        time.sleep(1)

if not document.startswith(b"%PDF-"):
    sys.exit(f"This is no PDF: {document[:100]!r}")
print(f"A PDF of {len(document)} bytes came.")
