"""A source that a source declares: followed, held to its parent's policy, and counted when it goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.store.memory import MemoryStore
from tests.sources.supervisor.house import opened
from tests.sources.supervisor.test_follows import write


def declares(folder: Path, more: str = "") -> str:
    return f"child: {{directory: {{path: {folder}}}{more}}}"


@pytest.mark.req("CORE-01", "CORE-04")
async def test_a_source_declared_in_a_source_is_followed_and_goes_with_it(tmp_path: Path) -> None:
    root, inner = tmp_path / "root", tmp_path / "inner"
    write(inner, "a.yaml", "one: first")
    write(root, "s.yaml", declares(inner))
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        await house.declare(root={"directory": {"path": str(root)}})
        await house.until(lambda: house.inputs() == {"one": "first"})
        assert house.known("child").config.parent == "root"
        write(inner, "a.yaml", "one: second")
        await house.until(lambda: house.inputs() == {"one": "second"})
        (root / "s.yaml").unlink()
        await house.until(lambda: house.inputs() == {} and house.supervisor.names() == {"root"})
        await house.until(lambda: house.status("Probe", "one") is None)


@pytest.mark.req("CORE-04")
async def test_removing_a_source_counts_all_that_it_brought(tmp_path: Path) -> None:
    root, inner = tmp_path / "root", tmp_path / "inner"
    write(inner, "a.yaml", "\n".join(f"p{number}: here" for number in range(10)))
    write(root, "s.yaml", declares(inner))
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        await house.declare(root={"directory": {"path": str(root)}})
        await house.until(lambda: len(house.inputs()) == 10 and house.engine.idle)
        await house.until(lambda: all(house.status("Probe", f"p{number}") for number in range(10)))
        (root / "s.yaml").unlink()
        state = await house.state("root", held="PruneBudget")
        assert "11 of 12" in state.problems[0]
        assert len(house.inputs()) == 10
        assert "child" in house.supervisor.names()


@pytest.mark.req("CORE-04")
async def test_a_weaker_policy_is_never_followed(tmp_path: Path) -> None:
    root, inner = tmp_path / "root", tmp_path / "inner"
    write(inner, "a.yaml", "one: first")
    write(root, "s.yaml", declares(inner, ", onInvalid: partial"))
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        await house.declare(root={"directory": {"path": str(root)}, "onInvalid": "hold"})
        await house.until(lambda: house.reason("child") == "WeakerPolicy")
        status = house.status("Source", "child")
        assert status is not None
        assert status.stalled
        assert "weaker than that of source 'root': `onInvalid` is partial" in status.conditions[0].message
        await house.read("child")
        assert house.inputs() == {}
        write(root, "s.yaml", declares(inner, ", onInvalid: hold"))
        await house.until(lambda: house.inputs() == {"one": "first"})


@pytest.mark.req("CORE-04")
async def test_a_parent_that_becomes_stricter_stops_the_child_where_it_is(tmp_path: Path) -> None:
    root, inner = tmp_path / "root", tmp_path / "inner"
    write(inner, "a.yaml", "one: first")
    write(root, "s.yaml", declares(inner, ", onInvalid: partial"))
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        await house.declare(root={"directory": {"path": str(root)}})
        await house.until(lambda: house.inputs() == {"one": "first"})
        await house.declare(root={"directory": {"path": str(root)}, "onInvalid": "hold"})
        await house.until(lambda: house.reason("child") == "WeakerPolicy")
        write(inner, "a.yaml", "one: second")
        await house.read("child")
        assert house.inputs() == {"one": "first"}


@pytest.mark.req("CORE-04")
async def test_the_nodes_own_name_and_inbox_are_not_to_be_had(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(root, "s.yaml", f"node: {{directory: {{path: {root}}}}}\nmine: {{inbox: {{path: {root}}}}}")
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        await house.declare(root={"directory": {"path": str(root)}})
        await house.until(lambda: house.reason("node") == house.reason("mine") == "Forbidden")
        assert house.supervisor.names() == {"root"}


@pytest.mark.req("CORE-01")
async def test_two_sources_that_declare_one_ref_differently_are_told_apart(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write(one, "a.yaml", "same: first")
    async with opened(MemoryStore(), tmp_path / "scratch") as house:
        specs = {name: {"directory": {"path": str(tmp_path / name)}} for name in ("one", "two")}
        await house.declare(one=specs["one"])
        await house.until(lambda: house.inputs() == {"same": "first"})
        write(two, "b.yaml", "same: second\nother: here")
        await house.declare(**specs)
        state = await house.state("two", resources=2)
        assert "a.yaml:1:1 (source one)" in state.problems[0]
        assert "b.yaml:1:1 (source two)" in state.problems[0]
        assert house.inputs() == {"same": "first", "other": "here"}
        await house.until(lambda: house.reason("two") == "Incomplete")
        write(one, "a.yaml", "")
        await house.until(lambda: house.inputs() == {"same": "second", "other": "here"})
        await house.until(lambda: house.reason("two") == "Applied")
