"""What is encoded once is what would be encoded now, whatever has changed meanwhile."""

from __future__ import annotations

import json
from typing import Any

from reconciler.runtime import encoded_views
from reconciler.runtime.window import Selection
from tests.api.nodes import KEYS, Running, key, running, until

ODD = KEYS.format(name="odd", tier='"x", last_pass_age_s: "null"')
NEEDY = key("needy").replace("generate: true", "generate: true, dependsOn: [key/release]")


def without_age(view: Any) -> Any:  # noqa: ANN401 - JSON
    age = view["status"].pop("last_pass_age_s")
    assert age is None or age >= 0
    return view


def told_alike(api: Running) -> dict[str, str]:
    """Asked twice, so that the second is what was kept; each name by its resource."""
    desk, names = api.node.desk, {}
    for ref in desk.refs(Selection()):
        first, again = desk.encoded(ref), desk.encoded(ref)
        now = without_age(json.loads(json.dumps(desk.resource(ref))))
        assert without_age(json.loads(first.json)) == without_age(json.loads(again.json)) == now
        names[str(ref)] = again.whole
    return names


async def test_what_is_kept_is_what_would_be_made_now() -> None:
    manifests = [key("release"), ODD, NEEDY]
    async with running("---\n".join(manifests)) as api:
        await api.ready("key/release", "key/odd", "key/needy")
        await api.judged()
        before = told_alike(api)
        assert told_alike(api).keys() == before.keys()
        told = {"ref": "key/release", "patch": {"suspend": True}, "reason": "as a test"}
        assert (await api.socket.post("/api/v1/overrides", json=told)).status_code == 201
        await until(lambda: api.node.desk.resource(api.node.desk.ref("key/release"))["overrides"])
        assert told_alike(api)["key/release"] != before["key/release"]
        (api.source / "all.yaml").write_text("---\n".join([key("release", "db"), ODD]))
        await until(lambda: "key/needy" not in told_alike(api))
        assert told_alike(api)["key/release"] != before["key/release"]


async def test_no_more_is_kept_than_there_is_room_for(api: Running) -> None:
    views = encoded_views.EncodedViews(api.node)
    for entry in api.node.engine.book:
        views.of(entry)
    assert 0 < len(views._kept) <= encoded_views.MOST
