"""A source that another one declares is never held to less than the other is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kinds.source.policy import inherited, weaker
from reconciler.kinds.source.settled import settled
from reconciler.kinds.source.spec import SourceSpec
from reconciler.model import Origin, Ref, Resource
from reconciler.ports.sources import OnInvalid, SourceConfig

GIT = SourceConfig("root", "git", "/srv/repo.git")
SIGNED = replace(GIT, verify={"mode": "ssh", "keys": ["ada", "bob"], "file": ""})


def child(namespace: str = "default", **spec: Any) -> tuple[SourceConfig, SourceSpec]:  # noqa: ANN401
    model = SourceSpec.model_validate(spec)
    return settled(Resource(Ref("Source", namespace, "child"), model, Origin("root"))), model


def git(**more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"url": "/srv/child.git", **more}


def judged(parent: SourceConfig, namespace: str = "default", **spec: Any) -> str:  # noqa: ANN401
    config, model = child(namespace, **spec)
    return weaker(inherited(config, model, parent), parent)


@pytest.mark.req("CORE-04")
def test_what_is_left_open_is_inherited() -> None:
    parent = replace(SIGNED, on_failure="rollback")
    config, spec = child(git=git())
    config = inherited(config, spec, parent)
    assert (config.verify, config.on_failure, config.on_invalid) == (
        parent.verify,
        "rollback",
        OnInvalid.HOLD,
    )
    assert weaker(config, parent) == ""

    config, spec = child(directory={"path": "/srv"})
    assert config.on_invalid is OnInvalid.PARTIAL
    assert inherited(config, spec, GIT).on_invalid is OnInvalid.HOLD
    assert inherited(config, spec, None) == config


@pytest.mark.req("CORE-04")
@pytest.mark.parametrize(
    ("parent", "spec", "says"),
    [
        (SIGNED, {"directory": {"path": "/srv"}}, "`verify`"),
        (SIGNED, {"git": git(verify={"mode": "ssh", "keys": ["ada", "eve"]})}, "`verify`"),
        (SIGNED, {"git": git(verify={"mode": "ssh", "file": "/etc/signers"})}, "`verify`"),
        (SIGNED, {"git": git(verify={"mode": "openpgp", "file": "/etc/ring.gpg"})}, "`verify`"),
        (GIT, {"git": git(allowForce=True)}, "`allowForce` is true"),
        (GIT, {"git": git(), "onInvalid": "partial"}, "`onInvalid` is partial"),
        (replace(GIT, on_failure="rollback"), {"git": git(), "onFailure": "keep"}, "`onFailure` is keep"),
    ],
)
def test_what_is_weaker_is_named(parent: SourceConfig, spec: dict[str, Any], says: str) -> None:
    assert says in judged(parent, **spec)


@pytest.mark.req("CORE-04")
@pytest.mark.parametrize(
    ("parent", "spec"),
    [
        (SIGNED, {"git": git(verify={"mode": "ssh", "keys": ["ada"]})}),
        (GIT, {"git": git(verify={"mode": "ssh", "keys": ["eve"]})}),
        (replace(GIT, allow_force=True), {"git": git(allowForce=True)}),
        (replace(GIT, on_invalid=OnInvalid.PARTIAL), {"directory": {"path": "/srv"}, "onInvalid": "partial"}),
        (
            SourceConfig("inbox", "inbox", "/data", on_invalid=OnInvalid.PARTIAL),
            {"git": git(allowForce=True)},
        ),
    ],
)
def test_what_is_as_strict_or_stricter_is_let_be(parent: SourceConfig, spec: dict[str, Any]) -> None:
    assert judged(parent, **spec) == ""


@pytest.mark.req("CORE-04")
def test_a_key_of_the_same_name_in_another_namespace_is_another_key() -> None:
    assert "`verify`" in judged(SIGNED, "guests", git=git())
    assert "`verify`" in judged(SIGNED, "guests", git=git(verify={"mode": "ssh", "keys": ["ada"]}))
    by_file = replace(GIT, verify={"mode": "ssh", "keys": [], "file": "/etc/signers"})
    assert judged(by_file, "guests", git=git()) == ""


VERIFY = st.one_of(
    st.just({}),
    st.builds(
        lambda mode, keys, file: {"mode": mode, "keys": sorted(keys), "file": file},
        st.just("ssh"),
        st.sets(st.sampled_from(["ada", "bob", "eve"]), min_size=1),
        st.sampled_from(["", "/etc/signers"]),
    ),
)
CONFIGS = st.builds(
    SourceConfig,
    st.just("root"),
    st.sampled_from(["git", "directory"]),
    st.just("/srv"),
    on_invalid=st.sampled_from(OnInvalid),
    on_failure=st.sampled_from(["keep", "rollback"]),
    verify=VERIFY,
    allow_force=st.booleans(),
)


@given(CONFIGS, CONFIGS, CONFIGS)
def test_stricter_than_the_stricter_is_stricter(
    one: SourceConfig, two: SourceConfig, three: SourceConfig
) -> None:
    """Nothing gets lost on the way: what falls short of the first falls short of somebody."""
    links = weaker(two, one) or weaker(three, two)
    hidden_by_a_folder = two.type == "directory" and three.allow_force  # a folder has no history to be forced
    if not links and not hidden_by_a_folder:
        assert weaker(three, one) == ""


@given(CONFIGS)
def test_a_repository_that_says_nothing_is_never_weaker(parent: SourceConfig) -> None:
    assert judged(parent, git=git()) == ""
