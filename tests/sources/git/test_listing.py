"""What a revision declares: listed from the one before, whatever the repository holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Invalid, Missing, Refused, TooLarge
from reconciler.sources.git.listing import Listing, scope
from reconciler.sources.git.objects import FOLDER, Entry, differences, find
from tests.sources.git.memory import FILE, Leaf, Memory, Shape, link, program, record, submodule

pytestmark = pytest.mark.req("CORE-01", "CORE-04")

NAMES = st.sampled_from(["a", "b", "c.yaml", ".hidden", "d"])
LEAVES = st.one_of(
    st.binary(max_size=2).map(Leaf),
    st.binary(max_size=2).map(program),
    st.sampled_from(["a", "b/c.yaml", "../a", "..", "../../..", ".", "/etc", "d/d", "a/../b"]).map(link),
    st.just(submodule()),
)
SHAPES: st.SearchStrategy[Shape] = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=4),
    lambda below: st.dictionaries(NAMES, st.one_of(LEAVES, below), max_size=4),
    max_leaves=12,
)


@given(SHAPES, SHAPES, SHAPES)
def test_the_next_listing_is_what_a_fresh_one_would_be(first: Shape, second: Shape, third: Shape) -> None:
    objects = Memory()
    going = Listing()
    for shape in (first, second, third, first):
        tree = objects.put(shape)
        going = going.moved_to(objects, tree, ("",))
        assert going == Listing().moved_to(objects, tree, ("",))


@given(SHAPES, SHAPES)
def test_differences_are_those_of_the_leaves(first: Shape, second: Shape) -> None:
    objects = Memory()
    old, new = objects.put(first), objects.put(second)
    before, after = leaves(objects, old, ""), leaves(objects, new, "")
    found = {
        path: (x, y)
        for path, x, y in differences(objects, Entry(FOLDER, old), Entry(FOLDER, new), "", hidden=True)
    }
    assert found == {
        path: (before.get(path), after.get(path))
        for path in before.keys() | after.keys()
        if before.get(path) != after.get(path)
    }


def leaves(objects: Memory, tree: str, prefix: str) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for name, entry in objects.entries(tree).items():
        if entry.mode == FOLDER:
            found |= leaves(objects, entry.id, f"{prefix}{name}/")
        else:
            found[prefix + name] = entry
    return found


def test_only_what_differs_is_read() -> None:
    objects = Memory()
    shape = {f"d{n}": {f"{m}.yaml": Leaf(b"%d %d" % (n, m)) for m in range(10)} for n in range(10)}
    before = Listing().moved_to(objects, objects.put(shape), ("",))
    shape["d3"] = shape["d3"] | {"3.yaml": Leaf(b"changed")}
    tree = objects.put(shape)
    objects.reads = 0
    after = before.moved_to(objects, tree, ("",))
    assert after.files.items() ^ before.files.items() == {
        ("d3/3.yaml", before.files["d3/3.yaml"]),
        ("d3/3.yaml", after.files["d3/3.yaml"]),
    }
    assert objects.reads == 4  # the top and d3, then and now


def test_what_is_no_file_is_passed_over_with_a_notice() -> None:
    objects = Memory()
    tree = objects.put(
        {
            "file.yaml": Leaf(b"file"),
            "run": program(b"file"),
            "same.yaml": link("apps/x.yaml"),
            "out.yaml": link("../../etc/passwd"),
            "absolute": link("/etc/passwd"),
            "nowhere": link("missing.yaml"),
            "loop": link("loop"),
            "folder": link("apps"),
            "module": submodule(),
            "b\udcff.yaml": Leaf(b"no text"),
            "c\x1b[2J": Leaf(b"clears the screen"),
            "apps": {"x.yaml": Leaf(b"x"), ".github": {"y.yaml": Leaf(b"y")}, ".env": Leaf(b"z")},
        }
    )
    found = Listing().moved_to(objects, tree, ("",))
    assert set(found.files) == {"file.yaml", "run", "same.yaml", "apps/x.yaml", "apps/.env"}
    assert found.files["same.yaml"] == found.files["apps/x.yaml"]
    assert found.files["run"] == f"{found.files['file.yaml']}+x"
    assert {path: reason.split(":")[0] for path, reason in found.notices.items()} == {
        "out.yaml": "a link that leads to no file",
        "absolute": "a link that leads to no file",
        "nowhere": "a link that leads to no file",
        "loop": "a link that leads to no file",
        "folder": "a link to a folder is not followed",
        "module": "a submodule",
        "b\udcff.yaml": "its name is no UTF-8, or holds control characters",
        "c\x1b[2J": "its name is no UTF-8, or holds control characters",
    }


def test_notices_are_fit_to_be_shown_and_to_be_kept() -> None:
    objects = Memory()
    tree = objects.put({f"{n:03}\x1b\udcff\u202e": Leaf(b"") for n in range(100)})
    told = Listing().moved_to(objects, tree, ("",)).told()
    assert told[0] == "000: its name is no UTF-8, or holds control characters: rename it"
    assert told[-1] == "and 80 more"
    assert len(told) == 21
    assert all(line.isprintable() for line in told)


def test_a_link_s_target_may_change_alone() -> None:
    objects = Memory()
    first = objects.put({"apps": {"x": link("../base/x")}, "base": {"x": Leaf(b"1")}})
    second = objects.put({"apps": {"x": link("../base/x")}, "base": {"x": Leaf(b"2")}})
    before = Listing().moved_to(objects, first, ("apps",))
    after = before.moved_to(objects, second, ("apps",))
    assert before.files["apps/x"] != after.files["apps/x"]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ((".",), ("",)),
        (("./", "apps"), ("",)),
        (("apps/", "apps/web", "./apps", "apps-of-others"), ("apps", "apps-of-others")),
        (("b", "a"), ("a", "b")),
    ],
)
def test_a_path_within_another_is_read_once(paths: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert scope(paths) == expected


@pytest.mark.parametrize("path", ["..", "a/../..", "/etc"])
def test_a_path_stays_inside(path: str) -> None:
    with pytest.raises(Invalid):
        scope((path,))


@pytest.mark.parametrize("name", [b"..", b".", b".git", b"a/b", b"../x"])
def test_a_name_that_no_file_may_have_refuses_the_revision(name: bytes) -> None:
    objects = Memory()
    blob = objects.entries(objects.put({"x": Leaf(b"")}))["x"].id
    tree = objects.put_raw(record(name, FILE, blob))
    with pytest.raises(Refused, match="a name that no file may have"):
        Listing().moved_to(objects, tree, ("",))


@pytest.mark.parametrize(
    "raw", [b"garbage", b"100644 cut\0short", b"999 x\0" + bytes(20), b"100644 \0" + bytes(20)]
)
def test_a_folder_that_cannot_be_read_refuses_the_revision(raw: bytes) -> None:
    objects = Memory()
    with pytest.raises(Refused, match="cannot be read"):
        Listing().moved_to(objects, objects.put_raw(raw), ("",))


def test_a_name_twice_refuses_the_revision() -> None:
    objects = Memory()
    blob = objects.entries(objects.put({"x": Leaf(b"")}))["x"].id
    with pytest.raises(Refused, match="a name twice"):
        Listing().moved_to(objects, objects.put_raw(record(b"x", FILE, blob) * 2), ("",))


def test_a_bomb_of_few_objects_and_many_files_is_given_up() -> None:
    """Ten levels of ten equal folders are ten objects, and ten thousand million files."""
    objects = Memory()
    tree = objects.put({f"{n}": Leaf(b"") for n in range(10)})
    for _ in range(9):
        tree = objects.put_raw(b"".join(record(b"%d" % n, FOLDER, tree) for n in range(10)))
    with pytest.raises(TooLarge, match="more than 200,000 files"):
        Listing().moved_to(objects, tree, ("",))


def test_folders_without_end_are_given_up() -> None:
    objects = Memory()
    tree = objects.put({"x": Leaf(b"")})
    for _ in range(1000):
        tree = objects.put_raw(record(b"d", FOLDER, tree))
    with pytest.raises(TooLarge, match="deep"):
        Listing().moved_to(objects, tree, ("",))


@given(st.lists(st.sampled_from(["a", "b", "..", ".", "", "c.yaml", "d"]), max_size=8).map("/".join), SHAPES)
def test_a_path_leads_into_the_tree_or_nowhere(path: str, shape: Shape) -> None:
    objects = Memory()
    tree = objects.put(shape)
    try:
        found = find(objects, tree, path)
    except (Missing, Refused):
        return
    known = {Entry(FOLDER, each) for each in objects.trees} | set(leaves(objects, tree, "").values())
    assert found in known
