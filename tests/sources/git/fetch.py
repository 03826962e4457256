"""A program that fetches once, for tests of what surrounds a node: its environment, its end."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from reconciler.drivers.keystore.fake import FakeKeys, FakeSecrets, encrypt
from reconciler.model import Ref
from reconciler.ports.sources import SourceConfig
from reconciler.sources.git import Access, GitFeed
from tests.sources.git.conftest import Noon


async def main(location: str, data: str, token: str = "") -> None:
    secrets = FakeSecrets()
    await secrets.put(Ref("Secret", "default", "git"), {"token": encrypt(token)})
    auth = {"token": {"secret": "git", "key": "token"}} if token else {}
    config = SourceConfig(name="shop", type="git", location=location, auth=auth)
    feed = GitFeed(config, Path(data), Access(secrets, FakeKeys()), Noon())
    print("ready", flush=True)  # noqa: T201 - the test waits for it
    fetched = await feed.latest()
    fetched.tree.folder(".")
    print(fetched.revision, flush=True)  # noqa: T201


asyncio.run(main(*sys.argv[1:]))
