"""The kind `Service`: one process, run, watched and restarted as it is wished.

Rules: what Holdfast did not start is never touched; a change that a running process cannot take in
restarts it, and the plan names the field; a process that ends again and again is started ever more
slowly, and said to be stalled.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from reconciler.errors import Failed, Invalid
from reconciler.kinds.service.running import Phase, Running, as_cared_for, care_for
from reconciler.kinds.service.spec import FromSecret, Health, Restart, ServiceSpec, State
from reconciler.model import (
    EMPTY,
    Case,
    Change,
    DeletionPolicy,
    JsonValue,
    Need,
    Owner,
    Plan,
    Ref,
    Resource,
    Seen,
    Step,
    Tree,
    Verdict,
)
from reconciler.ports import (
    Check,
    Clock,
    CommandCheck,
    HealthState,
    HttpCheck,
    Kind,
    LogLine,
    Process,
    Processes,
    ProcessState,
    Run,
    Secrets,
    TcpCheck,
    Wake,
)

FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 60.0
STABLE_S = 10.0  # who has run this long is not in a loop of crashes
STALLS_AFTER = 5
PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ")

PHASES = {
    ProcessState.RUNNING: Phase.RUNNING,
    ProcessState.STOPPED: Phase.FROZEN,
    ProcessState.ENDING: Phase.ENDING,
    ProcessState.EXITED: Phase.ENDED,
}


@dataclass(frozen=True, slots=True)
class Uses:
    processes: Processes
    secrets: Secrets
    clock: Clock


@dataclass(frozen=True, slots=True)
class Start(Step):
    running: Running
    secrets: Mapping[str, tuple[str, str]] = EMPTY  # variable -> the name of a Secret, and its key
    tree: Tree | None = field(default=None, compare=False, repr=False)
    folder: str = ""  # of the manifest, in the tree


@dataclass(frozen=True, slots=True)
class Stop(Step):
    stop_signal: str
    grace_s: float


@dataclass(frozen=True, slots=True)
class Tend(Step):
    """Look after it in another way, as it runs."""

    running: Running


@dataclass(frozen=True, slots=True)
class Resume(Step):
    """Let go on what somebody froze."""


@dataclass(frozen=True, slots=True)
class Forget(Step):
    """Drop the record of a process that has ended."""

    logs: bool = False


class Service(Kind[ServiceSpec, Running, Step, Uses]):
    spec = ServiceSpec
    uses = Uses
    lives = True
    columns = {  # noqa: RUF012 - a table, read by lists
        "state": lambda case: str(case.seen.actual.phase) if case.seen.actual is not None else "absent",
        "pid": lambda case: str(case.seen.facts.get("pid", "")),
        "restarts": lambda case: str(case.seen.facts.get("restarts", "")),
        "health": lambda case: str(case.seen.facts.get("health", "")),
    }

    def needs(self, spec: ServiceSpec, ref: Ref) -> Mapping[Ref, Need]:
        secrets = {v.secret for v in spec.env.values() if isinstance(v, FromSecret)}
        return {
            **{Ref("Secret", ref.namespace, name): Need.READY for name in sorted(secrets)},
            **{Ref("Service", ref.namespace, name): need for name, need in spec.needs.items()},
        }

    def files(self, spec: ServiceSpec) -> tuple[str, ...]:
        return tuple(
            path
            for path in (spec.command[0] if "/" in spec.command[0] else "", spec.cwd, *spec.restart_on)
            if path and not path.startswith("/")
        )

    async def observe(
        self, want: Resource[ServiceSpec], memory: Mapping[str, JsonValue], uses: Uses, *, fresh: bool
    ) -> Seen[Running]:
        processes = await uses.processes.fresh() if fresh else uses.processes.processes()
        process = processes.get(_id(want.ref))
        now = uses.clock.now()
        inputs = _inputs(want)
        if process is None:
            wished = want.spec is not None and want.spec.state is State.STOPPED
            actual = Running(Phase.STOPPED) if wished else None
            return Seen(actual, Owner.NONE, now, inputs)
        health = uses.processes.health(process.id)
        actual = as_cared_for(process.care, PHASES[process.state])
        facts = _facts(process)
        if health is not None:
            facts |= {"health": health.state, "health_message": health.message}
        return Seen(actual, Owner.OURS, now, inputs, facts)

    def log(
        self, ref: Ref, uses: Uses, *, tail: int | None, follow: bool, since: datetime | None
    ) -> AsyncIterator[LogLine]:
        return uses.processes.logs(_id(ref), tail=tail, follow=follow, since=since)

    async def owned(self, uses: Uses) -> frozenset[Ref]:
        return frozenset(_ref(id_) for id_ in await uses.processes.fresh())

    def settle(self, case: Case[ServiceSpec, Running]) -> Running | None:
        spec = case.want.spec
        if spec is None:
            return None
        actual = case.seen.actual
        if spec.state is State.STOPPED:
            return replace(actual, phase=Phase.STOPPED) if actual is not None else Running(Phase.STOPPED)
        settled = Running(
            Phase.RUNNING,
            command=spec.command,
            env={name: value for name, value in spec.env.items() if isinstance(value, str)},
            secrets={n: _version(case, v) for n, v in spec.env.items() if isinstance(v, FromSecret)},
            cwd=spec.cwd,
            user=spec.user,
            inputs=case.seen.inputs,
            restart=spec.restart,
            stop_signal=spec.stop_signal,
            stop_grace_s=spec.stop_grace.total_seconds(),
            log_bytes=spec.logs.max_size,
            log_files=spec.logs.keep,
            health=_check(spec.health) if spec.health is not None else None,
        )
        if actual is not None and _rests(spec, case.seen) and settled.runs_the_same(actual):
            return replace(settled, phase=Phase.ENDED)  # it has done what it was there for
        return settled

    def plan(self, case: Case[ServiceSpec, Running], changes: Sequence[Change]) -> Plan[Step]:
        if not changes:
            return Plan()
        actual, spec = case.seen.actual, case.want.spec
        if actual is not None and actual.phase is Phase.ENDING:
            return Plan(waiting="waits for the old process to end")
        stop, settled = _stop(actual), self.settle(case)
        if spec is None or settled is None:
            data = case.want.last is not None and case.want.last.deletion_policy is DeletionPolicy.DELETE_DATA
            return Plan((*stop, Forget(logs=data)))
        if spec.state is State.STOPPED:
            return Plan((*stop, Forget()))
        if actual is not None and not any(change.recreates for change in changes):
            tend = (Tend(settled),) if any(change.path != ("phase",) for change in changes) else ()
            if actual.phase is Phase.FROZEN:
                return Plan((*tend, Resume()))
            if actual.phase is settled.phase:
                return Plan(tend)
            if wait := _backoff(case.seen):
                return replace(wait, steps=tend)
        return Plan((*stop, _start(case, settled)))

    async def act(self, ref: Ref, step: Step, uses: Uses) -> None:
        match step:
            case Start():
                await uses.processes.start(_run(ref, step, uses.secrets))
            case Stop():
                number = signal.Signals[f"SIG{step.stop_signal}"]
                await uses.processes.stop(_id(ref), number, step.grace_s)
            case Tend():
                await uses.processes.tend(_id(ref), care_for(step.running))
            case Resume():
                await uses.processes.resume(_id(ref))
            case Forget():
                await uses.processes.forget(_id(ref), logs=step.logs)

    def verdict(self, case: Case[ServiceSpec, Running]) -> Verdict:
        actual, spec = case.seen.actual, case.want.spec
        if actual is None or spec is None:
            return Verdict()
        if actual.phase is Phase.STOPPED:
            return Verdict(reason="Stopped", message="stopped, as it is wished")
        if actual.phase is Phase.ENDED:
            return _ended(case)
        health = case.seen.facts.get("health")
        if health is None or health == HealthState.HEALTHY:
            return Verdict(reason="Running", reached=frozenset({Need.STARTED, Need.HEALTHY}))
        return Verdict(
            ready=False,
            reason="Unhealthy" if health == HealthState.UNHEALTHY else "Starting",
            message=str(case.seen.facts.get("health_message", "")) or "its first check is yet to pass",
            reached=frozenset({Need.STARTED}),
        )

    def watch(self, uses: Uses, wake: Wake) -> None:
        uses.processes.subscribe(lambda id_: wake(_ref(id_) if id_ else None))


def _id(ref: Ref) -> str:
    return f"{ref.namespace}/{ref.name}"


def _ref(id_: str) -> Ref:
    namespace, _, name = id_.partition("/")
    return Ref("Service", namespace, name)


def _inputs(want: Resource[ServiceSpec]) -> Mapping[str, str]:
    """The content digests of the files beside the manifest that a restart must follow."""
    if want.spec is None or not want.spec.restart_on:
        return EMPTY
    tree = want.origin.tree
    if tree is None:
        raise Invalid(f"{want.ref}: restartOn names files, but its manifest came without any")
    return {path: tree.digest(_beside(want, path)) for path in want.spec.restart_on}


def _beside(want: Resource[ServiceSpec], path: str) -> str:
    folder = want.origin.file.rpartition("/")[0]
    return f"{folder}/{path}" if folder else path


def _version(case: Case[ServiceSpec, Running], value: FromSecret) -> str:
    """The keyed digest of a secret's value, as its `Secret` shows it."""
    look = case.look.get(Ref("Secret", case.want.ref.namespace, value.secret))
    inputs = look.seen.inputs if look is not None and look.seen is not None else EMPTY
    if value.key not in inputs:
        raise Failed(f"secret/{value.secret} has no value '{value.key}'")
    return inputs[value.key]


def _rests(spec: ServiceSpec, seen: Seen[Running]) -> bool:
    """It has ended by itself, and its restart policy leaves it at that."""
    if seen.actual is None or seen.actual.phase is not Phase.ENDED:
        return False
    succeeded = seen.facts.get("exit_code") == 0
    return spec.restart is Restart.NEVER or (spec.restart is Restart.ON_FAILURE and succeeded)


def _ended(case: Case[ServiceSpec, Running]) -> Verdict:
    how = _how(case.seen)
    if case.seen.facts.get("exit_code") == 0:
        return Verdict(reason="Completed", message=how, reached=frozenset({Need.STARTED, Need.COMPLETED}))
    return Verdict(ready=False, reason="Failed", message=how, stalled=True, reached=frozenset({Need.STARTED}))


def _how(seen: Seen[Running]) -> str:
    code, by = seen.facts.get("exit_code"), seen.facts.get("signal")
    if code is not None:
        return f"ended with exit code {code}"
    return f"ended by {signal.Signals(by).name}" if by is not None else "ended while nobody watched"


def _backoff(seen: Seen[Running]) -> Plan[Step] | None:
    """How long to wait before a process that has ended is started again; None: not at all."""
    at, lasted = seen.facts.get("exited_at"), float(seen.facts.get("lasted_s", 0.0))
    restarts = 0 if lasted >= STABLE_S else int(seen.facts.get("restarts", 0))
    if at is None or restarts == 0:
        return None
    wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * float(1 << min(restarts - 1, 16)))
    left = datetime.fromisoformat(at) + timedelta(seconds=wait) - seen.at
    if left <= timedelta(0) or left > timedelta(seconds=wait):  # the latter: the clock was set back
        return None
    return Plan(again=left, waiting=f"{_how(seen)}, again and again", stalled=restarts >= STALLS_AFTER)


def _stop(actual: Running | None) -> tuple[Step, ...]:
    if actual is None or actual.phase not in {Phase.RUNNING, Phase.FROZEN}:
        return ()
    return (Stop(actual.stop_signal, actual.stop_grace_s),)


def _start(case: Case[ServiceSpec, Running], settled: Running) -> Start:
    spec = case.want.wish
    secrets = {n: (v.secret, v.key) for n, v in spec.env.items() if isinstance(v, FromSecret)}
    origin = case.want.origin
    return Start(replace(settled, phase=Phase.RUNNING), secrets, origin.tree, origin.file.rpartition("/")[0])


def _run(ref: Ref, step: Start, secrets: Secrets) -> Run:
    running = step.running
    values = {
        name: secrets.resolve(Ref("Secret", ref.namespace, secret), key)
        for name, (secret, key) in step.secrets.items()
    }
    program, *rest = running.command
    if "/" in program:
        program = _real(step, program)
    return Run(
        _id(ref),
        argv=(program, *rest),
        env={**_inherited(), **running.env, **values},
        cwd=_real(step, running.cwd) if running.cwd else "",
        user=running.user,
        care=care_for(running),
    )


def _inherited() -> dict[str, str]:
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ}


def _real(step: Start, path: str) -> str:
    """A path of the manifest as a path on this machine."""
    if path.startswith("/"):
        return path
    if step.tree is None:
        raise Invalid(
            f"'{path}' is relative, but the manifest came without files", remedy="write it absolute"
        )
    return step.tree.folder(f"{step.folder}/{path}" if step.folder else path)


def _check(health: Health) -> Check:
    by = _probe(health)
    return Check(
        by,
        health.interval.total_seconds(),
        health.timeout.total_seconds(),
        health.retries,
        health.start_period.total_seconds(),
    )


def _probe(health: Health) -> CommandCheck | HttpCheck | TcpCheck:
    if health.command is not None:
        return CommandCheck(health.command)
    if health.http is not None:
        return HttpCheck(health.http.url)
    if health.tcp is None:
        raise Invalid("a health check without a way to check")
    return TcpCheck(health.tcp.host, health.tcp.port)


def _facts(process: Process) -> dict[str, JsonValue]:
    facts: dict[str, JsonValue] = {
        "pid": process.pid,
        "started_at": process.started_at.isoformat(),
        "restarts": process.restarts,
    }
    if process.exited_at is not None:
        facts |= {
            "exit_code": process.exit_code,
            "signal": process.signal,
            "exited_at": process.exited_at.isoformat(),
            "lasted_s": (process.exited_at - process.started_at).total_seconds(),
        }
    return facts
