"""A service and a group, decided upon without a process, and acted upon with the Fake's."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from reconciler.drivers.processes.fake import FakeProcesses
from reconciler.engine.diff import diff
from reconciler.errors import Failed, Invalid
from reconciler.kinds.service import Service, ServiceGroup, checks, launching
from reconciler.kinds.service.running import DEFINITION, Phase, Running, as_cared_for, care_for
from reconciler.kinds.service.service import Uses
from reconciler.kinds.service.spec import ServiceGroupSpec, ServiceSpec
from reconciler.kinds.service.steps import Forget, Resume, Start, Stop, Tend
from reconciler.model import (
    EMPTY,
    Case,
    Condition,
    DeletionPolicy,
    JsonValue,
    Look,
    Need,
    Origin,
    Owner,
    Plan,
    Ref,
    Resource,
    Seen,
    Status,
    Step,
    Tree,
)
from reconciler.ports.health import CommandCheck, HealthState, HttpCheck, TcpCheck
from reconciler.runtime.clock import SystemClock
from reconciler.sources.stored_tree import StoredTree

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
REF = Ref("Service", "default", "web")
SECRET = Ref("Secret", "default", "shop")
KIND = Service()


class Vault:
    """The port `Secrets`, with one value."""

    def resolve(self, secret: Ref, key: str) -> str:
        assert (secret, key) == (SECRET, "password")
        return "open sesame"

    def versions(self, secret: Ref) -> Mapping[str, str]:
        return {"password": "v1"}


def spec(**fields: JsonValue) -> ServiceSpec:
    return ServiceSpec.model_validate({"command": ["run"], **fields})


def wanted(
    wish: ServiceSpec | None, last: ServiceSpec | None = None, tree: Tree | None = None
) -> Resource[ServiceSpec]:
    return Resource(REF, wish, Origin("root", file="apps/web.yaml", tree=tree), last=last)


def case(wish: ServiceSpec | None, seen: Seen[Running], **rest: JsonValue) -> Case[ServiceSpec, Running]:
    return Case(wanted(wish, rest.pop("last", None)), seen, **rest)


def saw(actual: Running | None, **facts: JsonValue) -> Seen[Running]:
    return Seen(actual, Owner.OURS if actual else Owner.NONE, NOW, facts=facts)


def settled(wish: ServiceSpec, phase: Phase = Phase.RUNNING) -> Running:
    found = KIND.settle(case(wish, saw(None)))
    assert found is not None
    return replace(found, phase=phase)


def planned(wish: ServiceSpec | None, seen: Seen[Running], **rest: JsonValue) -> Plan[Step]:
    this = case(wish, seen, **rest)
    return KIND.plan(this, diff(KIND.settle(this), seen.actual))


def words(plan: Plan[Step]) -> list[str]:
    return [type(step).__name__ for step in plan.steps]


def test_what_is_not_there_is_started_and_what_is_so_is_left() -> None:
    assert words(planned(spec(), saw(None))) == ["Start"]
    assert planned(spec(), saw(settled(spec()))) == Plan()


def test_another_wish_restarts_it_and_the_field_is_named() -> None:
    seen = saw(settled(spec()))
    this = case(spec(env={"A": "1"}), seen)
    changes = diff(KIND.settle(this), seen.actual)
    assert [(change.path, change.recreates) for change in changes] == [(("env", "A"), True)]
    assert words(KIND.plan(this, changes)) == ["Stop", "Start"]


CARE: list[dict[str, JsonValue]] = [
    {"health": {"tcp": {"port": 80}}},
    {"restart": "never"},
    {"stopSignal": "INT"},
    {"stopGrace": "1s"},
    {"logs": {"maxSize": "1MiB", "keep": 2}},
]


@pytest.mark.parametrize("fields", CARE, ids=lambda fields: next(iter(fields)))
def test_how_it_is_looked_after_changes_while_it_runs(fields: dict[str, JsonValue]) -> None:
    wish = spec(**fields)
    this = case(wish, saw(settled(spec())))
    changes = diff(KIND.settle(this), this.seen.actual)
    assert changes
    assert not any(change.recreates for change in changes)
    assert KIND.plan(this, changes).steps == (Tend(settled(wish)),)


@pytest.mark.parametrize("name", sorted(signal.Signals.__members__))
def test_a_signal_with_two_names_is_one_signal(name: str) -> None:
    running = settled(spec(stopSignal=name))
    assert as_cared_for(care_for(running), Phase.RUNNING) == running


UNFIT: list[tuple[dict[str, JsonValue], str]] = [
    ({"health": {"tcp": {"port": 80}, "interval": "0s"}}, "expected at least 100ms"),
    ({"health": {"tcp": {"port": 80}, "timeout": "0s"}}, "expected at least 1ms"),
    ({"stopGrace": "25h"}, "expected at most 1d"),
    ({"logs": {"maxSize": "1KiB"}}, "4096"),
    ({"logs": {"maxSize": "2TiB"}}, "1099511627776"),
    ({"env": {"A=B": "1"}}, "neither '=' nor a zero character"),
    ({"env": {"": "1"}}, "not empty"),
    ({"env": {"A\0": "1"}}, "nor a zero character"),
    ({"env": {"A": "s3cr\0t"}}, "the value of A holds a zero character"),
    ({"command": ["a\0b"]}, "no zero character"),
    ({"cwd": "a\0b"}, "no zero character"),
    ({"user": "a\0b"}, "no zero character"),
]


@pytest.mark.parametrize(("fields", "says"), UNFIT, ids=[str(fields) for fields, _ in UNFIT])
def test_what_no_process_could_be_run_with_is_refused_where_it_is_written(
    fields: dict[str, JsonValue], says: str
) -> None:
    with pytest.raises(ValidationError, match=says) as caught:
        spec(**fields)
    assert "s3cr" not in "; ".join(error["msg"] for error in caught.value.errors(include_input=False))


def test_a_new_way_to_look_after_it_does_not_hide_what_else_is_to_do() -> None:
    wish = spec(stopGrace="1s")
    assert words(planned(wish, saw(settled(spec(), Phase.FROZEN)))) == ["Tend", "Resume"]
    loop = {"exit_code": 1, "restarts": 3, "exited_at": NOW.isoformat(), "lasted_s": 0.1}
    waiting = planned(wish, saw(settled(spec(), Phase.ENDED), **loop))
    assert (words(waiting), waiting.again) == (["Tend"], timedelta(seconds=0.4))
    once = spec(restart="never")
    finished = saw(settled(once, Phase.ENDED), exit_code=0)
    assert words(planned(spec(restart="never", stopGrace="1s"), finished)) == ["Tend"], "not run again"


def test_a_frozen_one_goes_on_and_an_ending_one_is_waited_for() -> None:
    assert planned(spec(), saw(settled(spec(), Phase.FROZEN))).steps == (Resume(),)
    assert planned(spec(), saw(settled(spec(), Phase.ENDING))).waiting == "waits for the old process to end"


def test_stopped_is_a_wish_like_any_other() -> None:
    wish = spec(state="stopped")
    assert words(planned(wish, saw(settled(spec())))) == ["Stop", "Forget"]
    assert planned(wish, saw(Running(Phase.STOPPED))) == Plan()
    assert KIND.verdict(case(wish, saw(Running(Phase.STOPPED)))).reason == "Stopped"


def test_removal_stops_it_and_takes_the_logs_only_when_asked() -> None:
    seen = saw(settled(spec()))
    assert planned(None, seen, last=spec()).steps[-1] == Forget(logs=False)
    data = spec(deletionPolicy=DeletionPolicy.DELETE_DATA)
    assert planned(None, seen, last=data).steps[-1] == Forget(logs=True)
    assert planned(None, saw(settled(spec(), Phase.ENDED))).steps == (Forget(logs=False),)


@pytest.mark.parametrize(
    ("restart", "code", "rests"),
    [("always", 0, False), ("on-failure", 0, True), ("on-failure", 1, False), ("never", 1, True)],
)
def test_the_restart_policy_says_what_an_end_is(restart: str, code: int, rests: bool) -> None:
    wish = spec(restart=restart)
    plan = planned(wish, saw(settled(wish, Phase.ENDED), exit_code=code))
    assert words(plan) == ([] if rests else ["Start"])


def test_the_end_is_judged_by_how_it_came() -> None:
    wish = spec(restart="never")
    ended = settled(wish, Phase.ENDED)
    good = KIND.verdict(case(wish, saw(ended, exit_code=0)))
    assert (good.ready, good.reason, Need.COMPLETED in good.reached) == (True, "Completed", True)
    bad = KIND.verdict(case(wish, saw(ended, exit_code=3)))
    assert (bad.ready, bad.stalled, bad.message) == (False, True, "ended with exit code 3")
    assert KIND.verdict(case(wish, saw(ended, signal=9))).message == "ended by SIGKILL"
    assert KIND.verdict(case(wish, saw(ended, signal=40))).message == "ended by signal 40", "it has no name"
    assert KIND.verdict(case(wish, saw(ended))).message == "ended while nobody watched"


def test_who_has_run_for_a_while_begins_anew() -> None:
    """However often it was started before: the keeper counts on."""

    def ended(restarts: int, lasted_s: float, **memory: JsonValue) -> Plan[Step]:
        facts = {"exit_code": 1, "restarts": restarts, "exited_at": NOW.isoformat(), "lasted_s": lasted_s}
        return planned(spec(), saw(settled(spec(), Phase.ENDED), **facts), memory=memory)

    [start] = ended(30, 11).steps
    assert start.remember == {"stable_until": 31}
    [again] = ended(31, 0.1, **start.remember).steps
    assert again.remember == {}
    assert ended(32, 0.1, **start.remember).again == timedelta(seconds=0.1)
    assert ended(35, 0.1, **start.remember).again == timedelta(seconds=0.8)
    assert ended(36, 0.1, **start.remember).stalled
    assert ended(3, 0.1, **start.remember).again == timedelta(seconds=0.4), (
        "somebody has stopped it meanwhile"
    )


def test_who_ends_again_and_again_is_started_ever_more_slowly() -> None:
    def after(restarts: int, ago_s: float, lasted_s: float = 0.1) -> Plan[Step]:
        at = (NOW - timedelta(seconds=ago_s)).isoformat()
        facts = {"exit_code": 1, "restarts": restarts, "exited_at": at, "lasted_s": lasted_s}
        return planned(spec(), saw(settled(spec(), Phase.ENDED), **facts))

    assert words(after(0, 0)) == ["Start"]
    assert after(3, 0).again == timedelta(seconds=0.4)
    assert not after(3, 0).stalled
    assert after(30, 0).again == timedelta(seconds=60)
    assert after(30, 0).stalled
    assert words(after(3, 1)) == ["Start"]
    assert words(after(30, 0, lasted_s=11)) == ["Start"], "it was stable"
    assert words(after(3, -3600)) == ["Start"], "the clock was set back"


def test_health_says_whether_it_is_ready() -> None:
    def judged(health: HealthState | None, message: str = "") -> tuple[bool, str, str]:
        facts = {} if health is None else {"health": health, "health_message": message}
        verdict = KIND.verdict(case(spec(), saw(settled(spec()), **facts)))
        return verdict.ready, verdict.reason, verdict.message

    assert judged(None) == (True, "Running", "")
    assert judged(HealthState.HEALTHY) == (True, "Running", "")
    assert judged(HealthState.STARTING) == (False, "Starting", "its first check is yet to pass")
    assert judged(HealthState.UNHEALTHY, "refused") == (False, "Unhealthy", "refused")
    assert KIND.verdict(case(None, saw(None))).ready


def test_a_secret_is_a_digest_until_it_is_needed() -> None:
    wish = spec(env={"PASSWORD": {"secret": "shop", "key": "password"}})
    look = {SECRET: Look(None, Seen(None, Owner.OURS, NOW, inputs={"password": "v1"}), None)}
    assert KIND.needs(wish, REF) == {SECRET: Need.READY}
    found = KIND.settle(case(wish, saw(None), look=look))
    assert found is not None
    assert found.secrets == {"PASSWORD": "v1"}
    with pytest.raises(Failed, match="has no value 'password'"):
        KIND.settle(case(wish, saw(None)))


def test_nobody_waits_for_the_health_of_a_service_elsewhere_that_tells_none() -> None:
    """A group says so as it is read; of two services that stand apart it is known once both are."""
    other = Ref("Service", "default", "db")

    def settled_beside(there: Resource[ServiceSpec] | None, need: str) -> Running | None:
        wish = spec(needs={"db": need})
        want = replace(wanted(wish), needs=KIND.needs(wish, REF))
        return KIND.settle(Case(want, saw(None), {other: Look(there, None, None)}))

    mute = Resource(other, spec(), Origin("elsewhere"))
    with pytest.raises(Invalid, match="needs service/db to be healthy, and nothing tells") as refused:
        settled_beside(mute, "healthy")
    assert refused.value.remedy == "give service/db a `health`, or need it `started`"
    telling = replace(mute, spec=spec(health={"tcp": {"port": 5432}}))
    assert settled_beside(telling, "healthy") == settled_beside(mute, "started")
    going = replace(mute, spec=None)
    for there in (None, going):
        assert settled_beside(there, "healthy") is not None, "that is for the engine to wait for"


def test_a_label_tells_what_a_process_was_started_with() -> None:
    running = settled(spec(env={"A": "1"}, restartOn=[]))
    care = care_for(running)
    assert as_cared_for(care, Phase.RUNNING) == running
    unknown = as_cared_for(replace(care, labels={DEFINITION: "nonsense"}), Phase.FROZEN)
    assert unknown.command == ()
    assert (unknown.stop_signal, unknown.stop_grace_s) == (running.stop_signal, running.stop_grace_s)


@pytest.mark.parametrize(
    "wrong",
    [
        {"command": []},
        {"stopSignal": "NOSUCH"},
        {"health": {"interval": "1s"}},
        {"health": {"tcp": {"port": 1}, "command": ["x"]}},
    ],
)
def test_a_spec_that_cannot_be_is_refused(wrong: dict[str, JsonValue]) -> None:
    with pytest.raises(ValidationError):
        spec(**wrong)


@pytest.mark.parametrize(
    ("health", "by"),
    [
        ({"command": ["true"]}, CommandCheck(("true",))),
        ({"http": {"url": "http://127.0.0.1/"}}, HttpCheck("http://127.0.0.1/")),
        ({"tcp": {"port": 80}}, TcpCheck("127.0.0.1", 80)),
    ],
)
def test_each_way_to_check(health: dict[str, JsonValue], by: object) -> None:
    wish = spec(health=health)
    assert wish.health is not None
    written = checks.wished(wish.health)
    assert written.check.by == by
    assert checks.found(written.check) == written
    with pytest.raises(Invalid):
        _ = checks.Checked().check


def test_files_beside_the_manifest_are_named_and_found(tmp_path: Path) -> None:
    wish = spec(command=["./run"], cwd="app", restartOn=["conf"])
    assert KIND.files(wish) == ("./run", "app", "conf")
    assert KIND.files(spec(command=["/bin/true"], cwd="/")) == ()
    tree = StoredTree({"apps/run": b"x", "apps/conf": b"1", "apps/app/a": b""}, EMPTY, tmp_path)
    assert launching.digests(wanted(wish, tree=tree), {"conf": "old"}).keys() == {"conf"}
    with pytest.raises(Invalid, match="restartOn names files"):
        launching.digests(wanted(wish), {"other": "old"})
    assert launching.digests(wanted(wish), {"conf": "old"}) == {"conf": "old"}, "its source is not read yet"
    start = Start(settled(spec()), tree=tree, folder="apps")
    assert Path(launching.real(start, "run")).read_bytes() == b"x"
    assert launching.real(start, "/bin/true") == "/bin/true"
    assert launching.beside(replace(wanted(wish), origin=Origin("root", file="web.yaml")), "conf") == "conf"
    with pytest.raises(Invalid, match="is relative"):
        launching.real(Start(settled(spec())), "run")
    at_top = Start(settled(spec()), tree=StoredTree({"run": b"y"}, EMPTY, tmp_path))
    assert Path(launching.real(at_top, "run")).read_bytes() == b"y"


async def test_it_lives_with_the_driver() -> None:
    processes = FakeProcesses(SystemClock())
    uses = Uses(processes, Vault(), SystemClock())
    woken: list[Ref | None] = []
    KIND.watch(uses, woken.append)
    wish = spec(env={"PASSWORD": {"secret": "shop", "key": "password"}}, health={"command": ["true"]})
    look = {SECRET: Look(None, Seen(None, Owner.OURS, NOW, inputs={"password": "v1"}), None)}
    want = wanted(wish)
    seen = await KIND.observe(want, {}, uses, fresh=True)
    assert (seen.actual, seen.owner) == (None, Owner.NONE)
    this = Case(want, seen, look)
    for step in KIND.plan(this, diff(KIND.settle(this), None)).steps:
        await KIND.act(REF, step, uses)
    run = processes.runs["default/web"]
    assert run.env["PASSWORD"] == "open sesame"
    assert "open sesame" not in run.care.labels[DEFINITION]
    seen = await KIND.observe(want, {}, uses, fresh=False)
    assert diff(KIND.settle(Case(want, seen, look)), seen.actual) == ()
    assert seen.facts["health"] == HealthState.STARTING
    assert await KIND.owned(uses) == {REF}
    assert woken
    looked = await KIND.observe(wanted(spec()), {}, uses, fresh=True)
    assert "health" in looked.facts, "to look with another wish, as a preview does, changes nothing"
    await KIND.act(REF, Tend(settled(spec())), uses)
    unchecked = await KIND.observe(wanted(spec()), {}, uses, fresh=True)
    assert "health" not in unchecked.facts
    assert [line async for line in KIND.log(REF, uses, tail=None, follow=False, since=None)] == []
    await KIND.act(REF, Step(), uses)  # none of its own: nothing is done
    await KIND.act(REF, Resume(), uses)
    await KIND.act(REF, Stop("TERM", 1.0), uses)
    seen = await KIND.observe(want, {}, uses, fresh=True)
    assert seen.actual is not None
    assert (seen.actual.phase, seen.facts["signal"]) == (Phase.ENDED, signal.SIGTERM)
    await KIND.act(REF, Forget(logs=True), uses)
    stopped = await KIND.observe(wanted(spec(state="stopped")), {}, uses, fresh=True)
    assert stopped.actual == Running(Phase.STOPPED)
    await processes.close()


def test_what_a_list_shows_of_it() -> None:
    running = case(spec(), saw(settled(spec()), pid=7, restarts=1, health="healthy"))
    assert [column(running) for column in KIND.columns.values()] == ["running", "7", "1", "healthy"]
    assert KIND.columns["state"](case(spec(), saw(None))) == "absent"


def test_a_program_with_a_path_is_run_from_beside_the_manifest(tmp_path: Path) -> None:
    tree = StoredTree({"apps/run": b"x"}, EMPTY, tmp_path)
    wish = spec(command=["./run", "it"], cwd=".")
    start = launching.started(Case(wanted(wish, tree=tree), saw(None)), settled(wish))
    run = launching.run("default/web", "default", start, Vault())
    assert (Path(run.argv[0]).name, run.argv[1]) == ("run", "it")
    assert Path(run.cwd).name == "apps"


def test_whatever_is_wished_of_a_process_is_settled() -> None:
    wish = spec(
        command=["run", "it"],
        env={"A": "b"},
        cwd="/srv",
        user="nobody",
        restart="never",
        stopSignal="INT",
        stopGrace="7s",
        logs={"maxSize": "1MiB", "keep": 2},
        health={"tcp": {"port": 80}},
    )
    usual, whole = settled(spec()), settled(wish)
    same = {name for name in Running.__dataclass_fields__ if getattr(usual, name) == getattr(whole, name)}
    assert same == {"phase", "secrets", "inputs", "ours"}, "these follow what is seen: each has its tests"


# -------------------------------------------------------------------------------------------- the group

GROUP = ServiceGroup()
SHOP = Ref("ServiceGroup", "default", "shop")


def group(**services: JsonValue) -> Resource[ServiceGroupSpec]:
    wish = ServiceGroupSpec.model_validate({"services": services})
    return Resource(SHOP, wish, Origin("root"), labels={"app": "shop"})


def test_what_a_group_needs_all_its_services_need() -> None:
    key = Ref("Key", "default", "release")
    want = replace(group(db={"command": ["db"]}, web={"command": ["web"]}), needs={key: Need.READY})
    assert [part.needs for part in GROUP.parts(want)] == [{key: Need.READY}, {key: Need.READY}]


def test_a_group_expands_into_services_of_its_name() -> None:
    health: JsonValue = {"tcp": {"port": 5432}}
    want = group(
        db={"command": ["./db"], "health": health}, web={"command": ["web"], "needs": {"db": "healthy"}}
    )
    parts = {part.ref.name: part for part in GROUP.parts(want)}
    assert parts.keys() == {"shop.db", "shop.web"}
    web = parts["shop.web"]
    assert web.needs == {Ref("Service", "default", "shop.db"): Need.HEALTHY}
    assert (web.parent, web.labels["holdfast.dev/group"]) == (SHOP, "shop")
    assert GROUP.looks_at(want) == frozenset(part.ref for part in parts.values())
    assert GROUP.files(want.wish) == ("./db",)
    assert ServiceSpec.model_validate(web.wish.model_dump(by_alias=True)) == web.wish


def test_nobody_waits_for_the_health_of_what_tells_none() -> None:
    """It would count as healthy the moment that it runs, however often it falls."""
    with pytest.raises(ValidationError, match=r"services\.web.needs: 'db' .* give it a `health`"):
        group(db={"command": ["./db"]}, web={"command": ["web"], "needs": {"db": "healthy"}})
    for need in ("started", "completed", "ready"):
        assert group(db={"command": ["./db"]}, web={"command": ["web"], "needs": {"db": need}}).wish.services


def test_a_need_on_a_stranger_is_refused() -> None:
    with pytest.raises(ValidationError, match="'cache' is no service of this group"):
        group(web={"command": ["web"], "needs": {"cache": "started"}})


def ready(holds: bool, *, stalled: bool = False) -> Status:
    conditions = [Condition("Ready", holds, "", "", NOW)]
    if stalled:
        conditions.append(Condition("Stalled", True, "", "", NOW))
    return Status(tuple(conditions), 1, 1, "")


async def test_a_group_is_as_ready_as_its_services() -> None:
    want = group(db={"command": ["db"]}, web={"command": ["web"]})
    uses = GROUP.uses()
    seen = await GROUP.observe(want, {}, uses, fresh=True)
    parts = {part.ref: part for part in GROUP.parts(want)}

    def judged(*statuses: Status | None) -> tuple[bool, str, bool]:
        look = {
            ref: Look(part, None, status) for (ref, part), status in zip(parts.items(), statuses, strict=True)
        }
        this = Case(want, seen, look)
        verdict = GROUP.verdict(this)
        return verdict.ready, GROUP.columns["services"](this), verdict.stalled

    assert judged(ready(True), ready(True)) == (True, "2/2", False)
    assert judged(ready(True), None) == (False, "1/2", False)
    assert judged(ready(False, stalled=True), ready(True)) == (False, "1/2", True)
    assert GROUP.settle(Case(want, seen)) == seen.actual
    assert GROUP.plan(Case(want, seen), ()) == Plan()
    await GROUP.act(SHOP, Step(), uses)
    gone = replace(want, spec=None, last=want.spec)
    assert GROUP.settle(Case(gone, seen)) is None
    assert (await GROUP.observe(gone, {}, uses, fresh=True)).actual is None
