"""Sends hostile input to everything that the OpenAPI document describes, as a maker, as security and as an auditor.

`cargo xtask test` starts a demo and tells where it is; the seed makes a finding come again.
"""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

PERSONS = sys.argv[2:]
PORTAL = sys.argv[1]
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "ignored_auth",
]


def token_of(account: str) -> str:
    """Signs in by the public API and answers with the session's token."""
    request = urllib.request.Request(
        f"{PORTAL}/api/v1/session",
        data=json.dumps({"account": account}).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["token"]


def attack(account: str) -> bool:
    """Whether everything held against input sent as this account."""
    print(f"-- hostile input as {account}", flush=True)
    done = subprocess.run(
        [
            SCHEMATHESIS,
            "run",
            f"{PORTAL}/api/v1/openapi.json",
            f"--header=Authorization: Bearer {token_of(account)}",
            # signing out in the middle would make the rest a test of "not signed in"
            "--exclude-operation-id=close",
            "--phases=examples,coverage,fuzzing",
            f"--checks={','.join(CHECKS)}",
            "--max-examples=10",
            "--continue-on-failure",
            "--generation-deterministic",
            "--no-color",
        ],
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode == 0


if __name__ == "__main__":
    held = [attack(account) for account in PERSONS]
    sys.exit(0 if held and all(held) else 1)
