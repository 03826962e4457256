"""A living node is asked all that its OpenAPI document allows, and much that it does not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.openapi import document
from tests.api.nodes import scratch
from tests.node.running import RunningNode, key, running_node, until
from tests.saving import save

EXAMPLES = 2  # an operation and a phase; each comes on top of what the document's limits lead to
SECONDS = 60
NO_END = ("/api/v1/events", "/api/v1/ws", "/api/v1/resources/{kind}/{namespace}/{name}/logs")
ENDS_IT = ("/shutdown", "/api/v1/daemon/shutdown")
INTERNAL = ("/status", "/stats")  # another listener's
LOCKS_OUT = ("/api/v1/auth/keys/{name}", "/api/v1/auth/keys/{name}/rotate")  # the key that asks
LEFT_OUT = (*NO_END, *ENDS_IT, *INTERNAL, *LOCKS_OUT)

CONFIG = """\
[checks.positive_data_acceptance]
# A name may name nothing, a text be no manifest, and a key stand for another write already.
expected-statuses = ["2xx", "304", "400", "401", "403", "404", "406", "409", "412", "422"]
"""


@pytest.fixture
def node() -> Iterator[RunningNode]:
    with running_node() as found:
        save(found.place / "all.yaml", key("release"))
        found.start(
            HOLDFAST_API_WRITES="true",
            HOLDFAST_API_REQUIRE_AUTH="true",
            HOLDFAST_LIMITS_ENABLED="false",
            HOLDFAST_RECONCILE_INTERVAL_S="3600",
        )
        until(lambda: bool(found.status("key/release").get("ready")), "the node is up")
        yield found


def described(folder: Path) -> Path:
    found: dict[str, Any] = document()
    for path in LEFT_OUT:
        del found["paths"][path]
    file = folder / "openapi.json"
    file.write_text(json.dumps(found))
    return file


@pytest.mark.req("ERR-01", "CORE-16", "CORE-17")
@pytest.mark.timeout(SECONDS * 5)
def test_no_request_leads_to_what_is_not_described(node: RunningNode) -> None:
    made = json.loads(
        node.command("api-key", "create", "--name", "fuzz", "--permissions", "admin", "-o", "json").stdout
    )
    address = node.ask("/daemon/status")["listeners"]["public"]
    with scratch() as folder:
        place = Path(folder)
        (place / "schemathesis.toml").write_text(CONFIG)
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "run", str(described(place)),
            "--url", f"http://{address}", "--header", f"X-API-Key: {made['secret']}", "--checks", "all",
            "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(EXAMPLES), "--seed", "1",
            "--max-time", str(SECONDS), "--continue-on-failure", "--no-shrink", "--no-color",
            "--generation-with-security-parameters", "false", "--generation-database", "none",
            "--request-timeout", "60", "--warnings", "off",
        ]  # fmt: skip
        asked = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stdout[-20_000:]
    assert " generated, " in asked.stdout
    assert node.ask("/daemon/status")["status"] in {"running", "degraded"}
