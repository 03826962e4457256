"""Whatever is wished of a secret converges in one pass, and its values never show."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.drivers.keystore import Keystore
from reconciler.drivers.keystore.fake import FakeSecrets, encrypt
from reconciler.drivers.keystore.values import encrypted
from reconciler.engine.diff import diff
from reconciler.engine.told import described, told
from reconciler.kinds.secret import Secret, Uses
from reconciler.kinds.secret.spec import LARGEST_CIPHERTEXT, MOST_VALUES, SecretSpec
from reconciler.model import EMPTY, Case, Origin, Ref, Resource

SHOP = Ref("Secret", "default", "shop")
KIND = Secret()
PLANTED = "planted-7f3a"


class StoppedClock:
    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.dictionaries(st.sampled_from(["password", "user", "tls.crt"]), texts, min_size=1)


def resource(spec: SecretSpec | None) -> Resource[SecretSpec]:
    return Resource(SHOP, spec, Origin("test"))


@given(wishes=st.lists(st.one_of(values, st.none()), max_size=6))
async def test_every_wish_converges_in_one_pass(wishes: list[dict[str, str] | None]) -> None:
    uses = Uses(FakeSecrets(), StoppedClock())
    for wish in wishes:
        spec = None if wish is None else SecretSpec(encrypted={k: encrypt(v) for k, v in wish.items()})
        want = resource(spec)
        case = Case(want, await KIND.observe(want, EMPTY, uses, fresh=True))
        settled = KIND.settle(case)
        changes = diff(settled, case.seen.actual)
        plan = KIND.plan(case, changes)
        assert KIND.plan(case, changes) == plan
        for step in plan.steps:
            await KIND.act(SHOP, step, uses)
            await KIND.act(SHOP, step, uses)
        after = Case(want, await KIND.observe(want, EMPTY, uses, fresh=True))
        assert after.seen.actual == settled == KIND.settle(after)
        assert KIND.plan(after, ()).steps == ()
        assert dict(uses.secrets.versions(SHOP)) == dict(after.seen.inputs)
        for key, value in (wish or {}).items():
            assert uses.secrets.resolve(SHOP, key) == value


@pytest.mark.req("AUTH-35", "OBS-24")
async def test_a_value_shows_in_nothing_that_is_recorded(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path)
    uses = Uses(keystore.secrets, StoppedClock())
    text = encrypted(PLANTED.encode(), [keystore.recipient])
    want = resource(SecretSpec(encrypted={"password": text}))
    case = Case(want, await KIND.observe(want, EMPTY, uses, fresh=False))
    changes = diff(KIND.settle(case), case.seen.actual)
    steps = KIND.plan(case, changes).steps
    for step in steps:
        await KIND.act(SHOP, step, uses)
    after = Case(want, await KIND.observe(want, EMPTY, uses, fresh=False))
    recorded = [*map(described, changes), *map(told, steps), after, KIND.verdict(after), want]
    assert uses.secrets.resolve(SHOP, "password") == PLANTED
    assert PLANTED not in repr(recorded)
    assert text[40:80] not in repr([*map(described, changes), *map(told, steps)])
    assert Secret.columns["keys"](after) == "password"


@pytest.mark.req("AUTH-35")
@pytest.mark.parametrize(
    "wrong",
    [
        {"password": PLANTED},
        {"password": PLANTED * 100_000},
        {"password": f"-----BEGIN AGE ENCRYPTED FILE-----\n{PLANTED}\n-----END AGE ENCRYPTED FILE-----"},
        {"password": [PLANTED]},
        {"password": {"value": PLANTED}},
        {"pass word": PLANTED},
        PLANTED,
    ],
)
def test_what_was_written_in_plain_text_is_not_repeated(wrong: object) -> None:
    with pytest.raises(ValidationError) as caught:
        SecretSpec.model_validate({"encrypted": wrong})
    told_of_it = [str(caught.value), *(error["msg"] for error in caught.value.errors())]
    assert PLANTED not in "".join([*told_of_it, *traceback.format_exception(caught.value)])


def test_more_than_a_secret_may_hold_is_refused() -> None:
    whole = encrypt("x")
    with pytest.raises(ValidationError, match="at most 256 items"):
        SecretSpec(encrypted={f"k{n}": whole for n in range(MOST_VALUES + 1)})
    with pytest.raises(ValidationError, match="KiB when encrypted"):
        SecretSpec(encrypted={"a": encrypt("x" * LARGEST_CIPHERTEXT)})


async def test_the_largest_value_passes_both_limits(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path)
    text = encrypted(b"x" * 256 * 1024, [keystore.recipient])
    assert SecretSpec(encrypted={"a": text}).encrypted == {"a": text}


async def test_what_a_node_owns_is_known_without_its_store(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path)
    await keystore.secrets.put(SHOP, {"a": encrypted(b"x", [keystore.recipient])})
    assert await KIND.owned(Uses(Keystore(tmp_path).secrets, StoppedClock())) == {SHOP}
