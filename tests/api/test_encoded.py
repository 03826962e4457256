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
    """Asked twice, so that the second is what was kept; each name by its resource, and that of all."""
    desk, names = api.node.desk, {}
    refs = desk.refs(Selection())
    for part in (slice(None), slice(1, 3), slice(len(refs), None)):
        made, total = desk.encoded_part(Selection(), part)
        kept, _ = desk.encoded_part(Selection(), part)
        each = [without_age(json.loads(desk.encoded(ref).json)) for ref in refs[part]]
        for told in (made, kept):
            assert [without_age(view) for view in json.loads(told.json)] == each
        assert (total, kept.whole) == (len(refs), made.whole)
        names[str(part)] = kept.whole
    for ref in refs:
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
        after = told_alike(api)
        assert after["key/release"] != before["key/release"]
        assert after[str(slice(None))] != before[str(slice(None))]
        (api.source / "all.yaml").write_text("---\n".join([key("release", "db"), ODD]))
        await until(lambda: "key/needy" not in told_alike(api))
        assert told_alike(api)["key/release"] != before["key/release"]


async def test_no_more_is_kept_than_there_is_room_for() -> None:
    names = [f"k{number}" for number in range(12)]
    async with running("---\n".join(map(key, names))) as api:
        await api.ready(*(f"key/{name}" for name in names))
        await api.judged()
        views, entries = encoded_views.EncodedViews(api.node), api.node.engine.book.in_order("Key")
        parts = [entries[first:last] for last in range(13) for first in range(last)]
        assert len(parts) > encoded_views.MOST_ARRAYS
        for part in parts:
            assert len(json.loads(views.of_several(part).json)) == len(part)
        assert 0 < len(views._kept) <= encoded_views.MOST
        assert 0 < len(views._arrays) <= encoded_views.MOST_ARRAYS
