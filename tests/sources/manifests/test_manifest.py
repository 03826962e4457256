"""What a text declares: every field of it arrives, nothing twice, and what is wrong is told in its order."""

from __future__ import annotations

import pytest

from reconciler.model import Need, Ref
from reconciler.runtime.plugins import find_kinds
from reconciler.sources.manifest import BEGUN, Reading, Setting, read
from reconciler.sources.overlay import Patch

pytestmark = pytest.mark.req("CORE-01", "CORE-04")

KINDS = find_kinds()
KEY = "apiVersion: holdfast.dev/v1\nkind: Key\nmetadata: {name: %s}\nspec: {role: creator, generate: true}\n"


def reading(text: str, **setting: object) -> Reading:
    return read(text, "f.yaml", KINDS, Setting("here", "r1", **setting))  # type: ignore[arg-type]


def told(found: Reading) -> list[str]:
    return [str(problem).partition("\n")[0] for problem in found.problems]


def test_all_that_a_document_says_arrives() -> None:
    document = """
apiVersion: holdfast.dev/v1
kind: Service
metadata:
  name: web
  namespace: shop
  labels: {tier: front}
  annotations: {example.com/note: hello}
spec:
  command: [serve, --port, "80"]
  dependsOn: [key/release]
  needs: {db: healthy}
"""
    (web,) = reading(document).resources
    assert web.ref == Ref("Service", "shop", "web")
    assert web.wish.command == ("serve", "--port", "80")
    assert (web.labels, web.annotations) == ({"tier": "front"}, {"example.com/note": "hello"})
    assert web.needs == {
        Ref("Key", "shop", "release"): Need.READY,
        Ref("Service", "shop", "db"): Need.HEALTHY,
    }
    origin = web.origin
    assert (origin.source, origin.revision, origin.file, origin.line) == ("here", "r1", "f.yaml", 2)


def test_a_ref_is_declared_once_and_the_first_one_stays() -> None:
    again = KEY.replace("creator", "maintainer") % "a"
    found = reading(f"{KEY % 'a'}---\n{again}---\n{KEY % 'b'}")
    assert [(one.ref.name, one.wish.role) for one in found.resources] == [("a", "creator"), ("b", "creator")]
    assert told(found) == ["f.yaml:6:1: key/a is declared at f.yaml:1:1 already"]


def test_problems_come_in_the_order_of_their_places() -> None:
    wrong = KEY.replace("role: creator, generate: true", "rol: x, role: '${GONE}', generate: true") % "a"
    found = reading(f"{wrong}---\na: [1\n---\n{wrong}")
    places = [problem.place for problem in found.problems]
    assert places == sorted(places)
    assert {place.line for place in places} == {4, 7, 11}


def test_other_peoples_documents_are_an_error_only_in_a_file_that_was_named() -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
    assert (reading(pod, named=False).problems, len(reading(pod, named=False).notices)) == ((), 1)
    assert "expected holdfast.dev/v1" in told(reading(pod))[0]


@pytest.mark.parametrize("text", ["x: [", b"x: ["])
def test_what_is_no_yaml_is_passed_over_with_its_place(text: str | bytes) -> None:
    found = read(text, "new.yaml", KINDS, Setting(named=False))
    (notice,) = found.notices
    (problem,) = read(text, "new.yaml", KINDS, Setting()).problems
    assert found.problems == ()
    assert notice.place == problem.place
    assert "it names no kind of ours, and is no readable YAML: " in str(notice)
    assert str(notice).endswith(problem.reason)


def test_large_files_of_other_people_are_passed_over_unread() -> None:
    (notice,) = reading("x: [" + " " * BEGUN, named=False).notices
    assert str(notice) == "f.yaml:1:1: passed over: it names no kind of ours"


def test_variables_are_filled_in_before_a_document_is_checked() -> None:
    (one,) = reading(KEY.replace("creator", "'${ROLE}'") % "a", variables={"ROLE": "maintainer"}).resources
    assert one.wish.role == "maintainer"


def test_a_patch_is_laid_on_what_it_names_and_on_nothing_else() -> None:
    patch = Patch({"spec": {"role": "maintainer"}, "metadata": {"labels": {"by": "patch"}}}, name="a")
    found = reading(f"{KEY % 'a'}---\n{KEY % 'b'}", patches=(patch,))
    assert [(one.wish.role, dict(one.labels)) for one in found.resources] == [
        ("maintainer", {"by": "patch"}),
        ("creator", {}),
    ]
    assert found.patched == {0}


def test_a_patch_makes_no_resource_another_one() -> None:
    found = reading(KEY % "a", patches=(Patch({"metadata": {"name": "b"}}),))
    assert found.resources == ()
    assert told(found) == ["f.yaml:1:1: the source's patch on everything would make it another resource"]
