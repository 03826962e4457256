"""The process that works on the keystore is killed at random moments: nothing it had reported is lost.

A child makes keys, rotates them and the identity, and stores secrets, without end; it says a line
after each act. After the kill all files are whole, and whatever was said is there and decrypts.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from reconciler.drivers.keystore import Keystore
from reconciler.drivers.keystore.folder import PARTIAL
from reconciler.model import Ref

KILLS = int(os.environ.get("HOLDFAST_KILLS", "40"))
ROOT = Path(__file__).parents[3]
CHILD = Path(__file__).with_name("busy_child.py")


@pytest.mark.random
@pytest.mark.req("AUTH-29", "PKG-17")
@pytest.mark.timeout(300 + 10 * KILLS)
async def test_a_kill_at_any_moment_loses_nothing_that_was_reported(folder: Path) -> None:
    chance = random.Random(KILLS)
    said: list[dict[str, Any]] = []
    for round_ in range(KILLS):
        said += worked_until_killed(folder, round_, chance.uniform(0, 0.15))
        await all_is_there(folder, said)
    assert len({line["act"] for line in said}) == 4, "every act was among what was interrupted"


def worked_until_killed(folder: Path, seed: int, after_s: float) -> list[dict[str, Any]]:
    child = subprocess.Popen(
        [sys.executable, CHILD, folder, str(seed)], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert child.stdout is not None
    first = child.stdout.readline()
    time.sleep(after_s)  # the moment of the kill: any will do
    child.send_signal(signal.SIGKILL)
    rest, _ = child.communicate(timeout=60)
    assert first, "the child has found everything as it was left"
    return [json.loads(line) for line in (first + rest).splitlines() if line.endswith("}")]


async def all_is_there(folder: Path, said: list[dict[str, Any]]) -> None:
    keystore = Keystore(folder)
    for ref in keystore.keys.refs():
        known = keystore.keys.look(ref, fresh=True)
        assert known is not None
        assert known.readable
        signature = await keystore.keys.sign(ref, b"x")
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(known.public.hex)).verify(signature, b"x")
    for line in said:
        if line["act"] in {"generate", "rotate"}:
            found = keystore.keys.get(Ref("Key", "default", line["name"]))
            assert found is not None
            assert line["public"] in {found.public.hex, *(old.public.hex for old in found.retired)}
    values = {line["name"]: line["value"] for line in said if line["act"] == "put"}
    for name, value in values.items():
        found_value = int(keystore.secrets.resolve(Ref("Secret", "default", name), "value"))
        assert found_value >= value, "what was reported, or what was about to be"
    assert len(list(folder.glob(f"{PARTIAL}*"))) <= 1
