"""The kind `Service`: one process, run, watched and restarted as it is wished.

Rules: what Holdfast did not start is never touched; a change that a running process cannot take in
restarts it, and the plan names the field.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.errors import Failed
from reconciler.kinds.service.checks import ask_only_for_what_is_told, wished
from reconciler.kinds.service.ends import judged, pause_before_next, rests
from reconciler.kinds.service.launching import digests, run, started, stopped
from reconciler.kinds.service.running import Phase, Running, as_cared_for, care_for, is_released, released
from reconciler.kinds.service.spec import FromSecret, ServiceSpec, State
from reconciler.kinds.service.steps import Forget, Resume, Start, Stop, Tend
from reconciler.kinds.service.telling import of_service
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
    Status,
    Step,
    Verdict,
)
from reconciler.ports.clock import Clock
from reconciler.ports.health import HealthState
from reconciler.ports.kind import Kind, Telling, Wake
from reconciler.ports.log_line import LogLine
from reconciler.ports.processes import Process, Processes, ProcessState
from reconciler.ports.secrets import Secrets
from reconciler.ports.usage import Usage

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


class Service(Kind[ServiceSpec, Running, Step, Uses]):
    spec = ServiceSpec
    reads = "services:read"
    writes = "services:write"
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
        if process is None:
            so_wished = want.spec is not None and want.spec.state is State.STOPPED
            actual = Running(Phase.STOPPED) if so_wished else None
            return Seen(actual, Owner.NONE, now, digests(want, EMPTY))
        health = uses.processes.health(process.id)
        actual = as_cared_for(process.care, PHASES[process.state])
        facts = _facts(process)
        if health is not None:
            facts |= {"health": health.state, "health_message": health.message}
        owner = Owner.OURS if actual.ours else Owner.FOREIGN
        return Seen(actual, owner, now, digests(want, actual.inputs), facts)

    def log(
        self, ref: Ref, uses: Uses, *, tail: int | None, follow: bool, since: datetime | None
    ) -> AsyncIterator[LogLine]:
        return uses.processes.logs(_id(ref), tail=tail, follow=follow, since=since)

    async def usage(self, uses: Uses) -> Mapping[Ref, Usage]:
        return {_ref(id_): used for id_, used in (await uses.processes.usage()).items()}

    async def owned(self, uses: Uses) -> frozenset[Ref]:
        found = await uses.processes.fresh()
        return frozenset(_ref(id_) for id_, process in found.items() if not is_released(process.care))

    def settle(self, case: Case[ServiceSpec, Running]) -> Running | None:
        spec = case.want.spec
        if spec is None:
            return None
        actual = case.seen.actual
        if spec.state is State.STOPPED:
            return replace(actual, phase=Phase.STOPPED) if actual is not None else Running(Phase.STOPPED)
        ask_only_for_what_is_told(case)
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
            health=wished(spec.health) if spec.health is not None else None,
        )
        if actual is not None and rests(spec, case.seen) and settled.runs_the_same(actual):
            return replace(settled, phase=Phase.ENDED)  # it has done what it was there for
        return settled

    def plan(self, case: Case[ServiceSpec, Running], changes: Sequence[Change]) -> Plan[Step]:
        if not changes:
            return Plan()
        actual, spec = case.seen.actual, case.want.spec
        if actual is not None and actual.phase is Phase.ENDING:
            return Plan(waiting="waits for the old process to end")
        stop, settled = stopped(actual), self.settle(case)
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
            if wait := pause_before_next(case):
                return replace(wait, steps=tend)
        return Plan((*stop, started(case, settled)))

    async def act(self, ref: Ref, step: Step, uses: Uses) -> None:
        match step:
            case Start():
                await uses.processes.start(run(_id(ref), ref.namespace, step, uses.secrets))
            case Stop():
                number = signal.Signals[f"SIG{step.stop_signal}"]
                await uses.processes.stop(_id(ref), number, step.grace_s)
            case Tend():
                await uses.processes.tend(_id(ref), care_for(step.running))
            case Resume():
                await uses.processes.resume(_id(ref))
            case Forget():
                await uses.processes.forget(_id(ref), logs=step.logs)

    async def release(self, ref: Ref, uses: Uses) -> None:
        process = (await uses.processes.fresh()).get(_id(ref))
        if process is not None and not is_released(process.care):
            await uses.processes.tend(process.id, released(process.care))

    def verdict(self, case: Case[ServiceSpec, Running]) -> Verdict:
        actual, spec = case.seen.actual, case.want.spec
        if actual is None or spec is None:
            return Verdict()
        if actual.phase is Phase.STOPPED:
            return Verdict(reason="Stopped", message="stopped, as it is wished")
        if actual.phase is Phase.ENDED:
            return judged(case)
        health = case.seen.facts.get("health")
        if health is None or health == HealthState.HEALTHY:
            return Verdict(reason="Running", reached=frozenset({Need.STARTED, Need.HEALTHY}))
        return Verdict(
            ready=False,
            reason="Unhealthy" if health == HealthState.UNHEALTHY else "Starting",
            message=str(case.seen.facts.get("health_message", "")) or "its first check is yet to pass",
            reached=frozenset({Need.STARTED}),
        )

    def tells(
        self, case: Case[ServiceSpec, Running], was: Seen[Running] | None, before: Status | None
    ) -> Iterator[Telling]:
        return of_service(case, was, before)

    def watch(self, uses: Uses, wake: Wake) -> None:
        uses.processes.subscribe(lambda id_: wake(_ref(id_) if id_ else None))


def _id(ref: Ref) -> str:
    return f"{ref.namespace}/{ref.name}"


def _ref(id_: str) -> Ref:
    namespace, _, name = id_.partition("/")
    return Ref("Service", namespace, name)


def _version(case: Case[ServiceSpec, Running], value: FromSecret) -> str:
    """The keyed digest of a secret's value, as its `Secret` shows it."""
    look = case.look.get(Ref("Secret", case.want.ref.namespace, value.secret))
    inputs = look.seen.inputs if look is not None and look.seen is not None else EMPTY
    if value.key not in inputs:
        raise Failed(f"secret/{value.secret} has no value '{value.key}'")
    return inputs[value.key]


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
