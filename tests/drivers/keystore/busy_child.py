"""Works on a keystore without end, and says each act once it is done. Started, and killed, by test_kills."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from pathlib import Path

from reconciler.drivers.keystore import Keystore
from reconciler.drivers.keystore.values import encrypted
from reconciler.model import Ref


async def work(keystore: Keystore, chance: random.Random) -> None:
    while True:
        act = chance.choice(["generate", "rotate", "put", "rotate-identity"])
        name = f"n{chance.randrange(4)}"
        said: dict[str, object] = {"act": act, "name": name}
        key = Ref("Key", "default", name)
        match act:
            case "generate":
                await keystore.keys.generate(key, "creator", "")
            case "rotate":
                await keystore.keys.generate(key, "creator", str(time.time_ns()))
            case "put":
                value = time.time_ns()
                text = encrypted(str(value).encode(), [keystore.recipient])
                await keystore.secrets.put(Ref("Secret", "default", name), {"value": text})
                said["value"] = value
            case _:
                keystore.rotate()
                if chance.random() < 0.5:
                    keystore.forget()
        known = keystore.keys.get(key)
        said["public"] = known.public.hex if known else ""
        print(json.dumps(said), flush=True)  # noqa: T201 - this is how it tells the test


asyncio.run(work(Keystore(Path(sys.argv[1])), random.Random(sys.argv[2])))
