"""Which files a source's paths bring, in which order, and on which resources a patch is laid."""

from __future__ import annotations

import pytest

from reconciler.model import JsonValue, Ref
from reconciler.sources.overlay import Patch, layers

pytestmark = pytest.mark.req("CORE-01")

WEB = Ref("Service", "shop", "web")
WIDGET = Ref("Widget.example.com", "default", "w")


@pytest.mark.parametrize(
    ("paths", "brought"),
    [
        ([""], [["a.yaml", "base/b.yaml", "base/test/c.yml", "prod/b.yaml"]]),
        (["base", "prod"], [["base/b.yaml", "base/test/c.yml"], ["prod/b.yaml"]]),
        (["base", "base/test"], [["base/b.yaml"], ["base/test/c.yml"]]),
        (["base/test", "base"], [[], ["base/b.yaml", "base/test/c.yml"]]),
        (["./base//test/"], [["base/test/c.yml"]]),
        (["notes.txt", "a.yaml"], [["notes.txt"], ["a.yaml"]]),
        ([".git"], [[".git/d.yaml"]]),
        (["bas"], [[]]),
    ],
)
def test_a_file_belongs_to_the_last_path_that_holds_it(paths: list[str], brought: list[list[str]]) -> None:
    files = ["prod/b.yaml", "base/test/c.yml", "base/b.yaml", "a.yaml", "notes.txt", ".git/d.yaml"]
    assert layers([*files, "base/.hidden/e.yaml", "base/.f.yaml"], paths) == brought


@pytest.mark.parametrize(
    ("target", "ref", "found"),
    [
        ({}, WEB, True),
        ({"kind": "service", "namespace": "shop", "name": "web"}, WEB, True),
        ({"kind": "Key"}, WEB, False),
        ({"name": "db"}, WEB, False),
        ({"namespace": "default"}, WEB, False),
        ({"labels": {"tier": "front"}}, WEB, True),
        ({"labels": {"tier": "back"}}, WEB, False),
        ({"labels": {"tier": "front", "more": "x"}}, WEB, False),
        ({"kind": "widget"}, WIDGET, True),
        ({"kind": "Widget.example.com"}, WIDGET, True),
        ({"kind": "Widget.example.org"}, WIDGET, False),
    ],
)
def test_what_a_target_leaves_open_matches_all(target: dict[str, JsonValue], ref: Ref, found: bool) -> None:
    patch = Patch.parse({"patch": {}, "target": target})
    assert patch.matches(ref, {"tier": "front", "also": "y"}) is found


def test_a_patch_is_told_by_what_it_is_for() -> None:
    assert str(Patch({}, kind="Service", labels={"tier": "front"})) == "kind: Service, tier: front"
    assert str(Patch.parse({"patch": {}})) == "everything"
