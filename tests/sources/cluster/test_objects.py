"""What a custom resource is taken for: the same manifest that a person would have written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import JsonValue, Ref
from reconciler.runtime.plugins import find_kinds
from reconciler.sources import manifest
from reconciler.sources.cluster.objects import collection, plural, read
from reconciler.sources.document import Document
from reconciler.sources.yaml_reader import documents

pytestmark = pytest.mark.req("CORE-07")
KINDS = find_kinds()


def raw(spec: dict[str, Any] | None = None, **metadata: JsonValue) -> dict[str, Any]:
    named = {"name": "release", "namespace": "shop", "uid": "u", "resourceVersion": "7", "generation": 3}
    body = {"metadata": {**named, **metadata}}
    return body if spec is None else {**body, "spec": spec}


def test_it_is_read_as_the_manifest_that_it_is() -> None:
    one = read("Key", raw({"role": "creator", "generate": True}, labels={"team": "a"}))
    reading = manifest.read(one.text, one.path, KINDS)
    assert not reading.problems
    [resource] = reading.resources
    assert resource.ref == one.ref == Ref("Key", "shop", "release")
    assert resource.labels == {"team": "a"}
    assert (one.path, one.address) == (
        "shop/key/release.yaml",
        "/apis/holdfast.dev/v1/namespaces/shop/keys/release",
    )


def test_what_the_server_notes_beside_the_wish_makes_no_other_wish() -> None:
    spec = {"role": "creator", "generate": True}
    kubectl = {"kubectl.kubernetes.io/last-applied-configuration": "{…}", "holdfast.dev/note": "kept"}
    noted = read(
        "Key",
        raw(
            spec,
            resourceVersion="8",
            managedFields=[{}],
            finalizers=["holdfast.dev/removed", "other"],
            annotations=kubectl,
        ),
    )
    assert noted.text == read("Key", raw(spec, annotations={"holdfast.dev/note": "kept"})).text
    assert noted.held
    assert not read("Key", raw(spec)).held


def test_a_deletion_and_its_allowance_are_seen() -> None:
    assert not read("Key", raw({})).terminating
    annotations = {"holdfast.dev/allow-prune": "true"}
    one = read("Key", raw({}, deletionTimestamp="2026-01-01T00:00:00Z", annotations=annotations))
    assert one.terminating
    assert one.allows_prune


@given(
    st.recursive(
        st.text() | st.integers() | st.booleans(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_whatever_json_holds_survives_the_way_through_yaml(value: JsonValue) -> None:
    one = read("Key", raw({"any": value}))
    [document] = documents(one.text, one.path, lambda text: text)
    assert isinstance(document, Document), document
    assert not document.flaws
    assert document.data["spec"] == {"any": value}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Key", "keys"),
        ("RetryPolicy", "retrypolicies"),
        ("Alias", "aliases"),
        ("Batch", "batches"),
        ("ServiceGroup", "servicegroups"),
    ],
)
def test_kinds_are_found_under_their_plural(kind: str, expected: str) -> None:
    assert plural(kind) == expected
    assert collection(kind) == f"/apis/holdfast.dev/v1/{expected}"
