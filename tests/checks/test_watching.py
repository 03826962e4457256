"""The alerts and the dashboard that are shipped ask only for what a node tells."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.api.nodes import running

RULES = Path("manifests/prometheus/holdfast.rules.yml")
DASHBOARD = Path("manifests/grafana/holdfast.json")
NAME = re.compile(r"\b((?:holdfast|process)_[a-z_]+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'([a-z_]+)\s*(?:=~|!~|!=|=)\s*"')
GROUPED = re.compile(r"by \(([^)]*)\)")
OF_PROMETHEUS = {"instance", "job", "le"}
SUFFIXES = ("_bucket", "_sum", "_count")

pytestmark = pytest.mark.req("OBS-15", "OBS-27")


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    panels = json.loads(DASHBOARD.read_text())["panels"]
    yield from (target["expr"] for panel in panels for target in panel["targets"])


async def told() -> Mapping[str, set[str]]:
    """The series of a node, each with its labels, as far as any of its samples shows them."""
    service = (
        "apiVersion: holdfast.dev/v1\nkind: Service\nmetadata: {name: web}\n"
        'spec: {command: [sleep, "1000"]}\n'
    )
    async with running(service) as api:
        await api.ready("service/web")
        text = ""
        while "holdfast_service_memory_bytes{" not in text:
            await api.public.get("/api/v1/metrics/services")
            text = (await api.public.get("/metrics")).text
        api.node.ends_services = True
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        if line.startswith("# TYPE"):
            found.setdefault(line.split()[2], set())
        elif not line.startswith("#"):
            name, labels = re.match(r"([a-z_]+)(?:\{(.*)\})? ", line).groups()  # type: ignore[union-attr]
            found.setdefault(name, set()).update(re.findall(r'([a-z_]+)="', labels or ""))
    for name, labels in list(found.items()):  # a histogram's three series have one head
        for suffix in SUFFIXES:
            if name.endswith(suffix):
                found[name.removesuffix(suffix)] |= labels
    return found


async def test_every_figure_that_is_asked_for_exists() -> None:
    known = await told()
    asked = 0
    for expression in expressions():
        labels = {one.strip() for group in GROUPED.findall(expression) for one in group.split(",")}
        has: set[str] = set()
        for name, matchers in NAME.findall(expression):
            assert name in known or name.removesuffix("_bucket") in known, f"{name} in {expression}"
            of = known.get(name, set()) | known.get(name.removesuffix("_bucket"), set())
            wanted = set(MATCHER.findall(matchers)) - OF_PROMETHEUS
            assert wanted <= of, f"{name} has no label {wanted - of}"
            has |= of
            asked += 1
        assert labels - OF_PROMETHEUS <= has, f"nothing in {expression} has {labels - has}"
    assert asked > 30


def test_the_alerts_are_whole() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) >= 10
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"].keys() == {"summary", "description"}
        assert rule["expr"].count("(") == rule["expr"].count(")")
        assert re.fullmatch(r"\d+m", rule.get("for", "0m"))
    if promtool := shutil.which("promtool"):
        checked = subprocess.run([promtool, "check", "rules", RULES], capture_output=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.req("TST-04", "X-23")
def test_errors_and_slowness_have_the_alerts_that_were_asked_for() -> None:
    asked = {rule["alert"]: rule["expr"] for rule in rules()}
    assert asked["HoldfastErrorRate"].endswith("> 0.05")
    assert asked["HoldfastSlow"].startswith("histogram_quantile(0.99,")
    assert asked["HoldfastSlow"].endswith("> 1")


def test_the_dashboard_has_a_place_for_each_panel() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
