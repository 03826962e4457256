"""A source: a git repository or a folder that declares resources, other sources among them.

Rules: it is known to its resources by its name, with the namespace before it where that is not the
default one. It is Ready when its newest revision, read as it is declared now, is applied without
reservations; whatever else is the case is told with the reason, while the last good revision stays in force.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from reconciler.errors import Refused, Unavailable
from reconciler.kinds.source.policy import inherited, weaker
from reconciler.kinds.source.settled import settled
from reconciler.kinds.source.spec import SourceSpec
from reconciler.model import (
    EMPTY,
    NODE_SOURCE,
    Case,
    Change,
    JsonValue,
    Need,
    Owner,
    Plan,
    Ref,
    Resource,
    Seen,
    Step,
    Verdict,
    source_name,
    source_ref,
)
from reconciler.ports.clock import Clock
from reconciler.ports.kind import Kind, Wake
from reconciler.ports.sources import SourceConfig, Sources, SourceState

HOLD = "Hold"  # as a person wants it, so nothing is amiss
MESSAGES = {
    "Invalid": "the newest revision has errors, so the last good one stays in force",
    "RolledBack": "the newest revision did not come up and was taken back; the next one is tried",
    "Refused": "the newest revision may not be applied",
}
WITHHELD = (
    "the store was lost and rebuilt, so what nothing declares any more stays ({count}) until a person "
    "confirms: `holdfast status` names it, `holdfast reconcile --allow-prune` removes it"
)
NAMED_PROBLEMS = 3


@dataclass(frozen=True, slots=True)
class Configure(Step):
    """Follow the source like this from now on."""

    config: SourceConfig


@dataclass(frozen=True, slots=True)
class RemoveSource(Step):
    """Follow it no more."""

    name: str


@dataclass(frozen=True, slots=True)
class Uses:
    sources: Sources
    clock: Clock


SourceStep = Configure | RemoveSource


class Source(Kind[SourceSpec, SourceConfig, SourceStep, Uses]):
    spec = SourceSpec
    reads = "config:read"
    writes = "config:write"
    uses = Uses
    lives = True
    suspends = True
    columns: ClassVar[Mapping[str, Callable[[Case[Any, Any]], str]]] = {
        "revision": lambda case: str(case.seen.facts.get("revision", "")),
        "resources": lambda case: str(case.seen.facts.get("resources", "")),
    }

    def needs(self, spec: SourceSpec, ref: Ref) -> Mapping[Ref, Need]:
        if spec.git is None:
            return EMPTY
        auth, verify = spec.git.auth, spec.git.verify
        values = [value.secret for value in (auth.token, auth.private_key) if value is not None]
        keys = [*filter(None, [auth.key]), *(verify.keys if verify is not None else ())]
        needed = [Ref("Secret", ref.namespace, name) for name in values]
        needed += [Ref("Key", ref.namespace, name) for name in keys]
        return dict.fromkeys(needed, Need.READY)

    def looks_at(self, want: Resource[SourceSpec]) -> frozenset[Ref]:
        parent = _parent(want)
        return frozenset(want.needs) | ({parent} if parent is not None else set())

    async def observe(
        self, want: Resource[SourceSpec], memory: Mapping[str, JsonValue], uses: Uses, *, fresh: bool
    ) -> Seen[SourceConfig]:
        state = uses.sources.state(source_name(want.ref))
        if state is None:
            return Seen(None, Owner.NONE, uses.clock.now())
        return Seen(state.config, Owner.OURS, uses.clock.now(), facts=_facts(state))

    async def owned(self, uses: Uses) -> frozenset[Ref]:
        return frozenset(source_ref(name) for name in uses.sources.names())

    def settle(self, case: Case[SourceSpec, SourceConfig]) -> SourceConfig | None:
        spec = case.want.spec
        if spec is None:
            return None
        _check_place(case.want)
        above = _above(case)
        config = inherited(settled(case.want), spec, above)
        # Not refused: one whose parent has become stricter must stop, and not go on as it was.
        return replace(config, suspended=True) if weaker(config, above) else config

    def plan(self, case: Case[SourceSpec, SourceConfig], changes: Sequence[Change]) -> Plan[SourceStep]:
        if not changes:
            return Plan()
        config = self.settle(case)
        if config is None:
            return Plan((RemoveSource(source_name(case.want.ref)),))
        return Plan((Configure(config),))

    async def act(self, ref: Ref, step: SourceStep, uses: Uses) -> None:
        if isinstance(step, Configure):
            await uses.sources.configure(step.config)
        else:
            await uses.sources.remove(step.name)

    async def release(self, ref: Ref, uses: Uses) -> None:
        await uses.sources.remove(source_name(ref))

    def verdict(self, case: Case[SourceSpec, SourceConfig]) -> Verdict:
        config, facts = case.seen.actual, case.seen.facts
        if config is None:
            return Verdict(ready=False, reason="Absent")
        above = _above(case)
        if falls_short := weaker(config, above):
            message = f"its policy is weaker than that of source '{config.parent}': {falls_short}"
            return Verdict(ready=False, reason="WeakerPolicy", message=message, stalled=True)
        return _standing(facts, config)

    def watch(self, uses: Uses, wake: Wake) -> None:
        uses.sources.subscribe(lambda name: wake(source_ref(name)))


def _standing(facts: Mapping[str, JsonValue], config: SourceConfig) -> Verdict:
    """How far the source has come, by what is known of it."""
    if config.suspended:
        message = "it is not read until it is resumed"
        return Verdict(ready=bool(facts.get("revision")), reason="Suspended", message=message)
    if not facts.get("current"):
        return _reading(facts)
    problems, held, error = facts.get("problems", ()), str(facts.get("held", "")), str(facts.get("error", ""))
    told = error or "; ".join(problems[:NAMED_PROBLEMS])
    if len(problems) > NAMED_PROBLEMS and not error:
        told += f"; and {len(problems) - NAMED_PROBLEMS} more"
    if held and held != HOLD:
        message = ": ".join(filter(None, (MESSAGES.get(held, ""), told)))
        return Verdict(ready=False, reason=held, message=message, stalled=True)
    if error:
        return Verdict(ready=False, reason="FetchFailed", message=told)
    if problems:
        return Verdict(ready=False, reason="Incomplete", message=told, stalled=True)
    if withheld := facts.get("withheld", 0):
        message = WITHHELD.format(count=withheld)
        return Verdict(ready=False, reason="StoreRebuilt", message=message, stalled=True)
    if held:
        message = f"at {facts['revision']}, where a person holds it; the newest is {facts['newest']}"
        return Verdict(ready=facts["revision"] == config.hold, reason=held, message=message)
    return Verdict(reason="Applied", message=f"at {facts['revision']}")


def _reading(facts: Mapping[str, JsonValue]) -> Verdict:
    """What is known was read by an earlier configuration, so it says nothing of this one."""
    revision = facts.get("revision")
    if not revision:
        return Verdict(ready=False, reason="Fetching", message="its first revision is being read")
    message = f"at {revision} until it was read as it is declared now"
    return Verdict(ready=False, reason="Reading", message=message)


def _check_place(want: Resource[SourceSpec]) -> None:
    if source_name(want.ref) == NODE_SOURCE:
        raise Refused(f"'{NODE_SOURCE}' is what the node itself declares", remedy="choose another name")
    if want.origin.source == NODE_SOURCE:
        return
    if want.wish.inbox is not None:
        raise Refused("only the node itself declares an inbox", remedy="read the folder as a `directory`")
    if want.wish.cluster is not None:
        raise Refused("only the node itself declares a cluster", remedy="run `holdfast operator`")


def _facts(state: SourceState) -> Mapping[str, JsonValue]:
    return {
        "current": state.current,
        "revision": state.revision,
        "newest": state.seen_revision,
        "resources": state.resources,
        "error": state.error,
        "held": state.held,
        "problems": list(state.problems),
        "notices": list(state.notices),
        "signer": state.signer,
        "withheld": len(state.withheld),
    }


def _parent(want: Resource[SourceSpec]) -> Ref | None:
    source = want.origin.source
    return None if source in {"", NODE_SOURCE} else source_ref(source)


def _above(case: Case[SourceSpec, SourceConfig]) -> SourceConfig | None:
    """The parent as it is configured, with what it has inherited itself."""
    parent = _parent(case.want)
    if parent is None or parent not in case.look:  # the engine gives a look at all that `looks_at` names
        return None
    look = case.look[parent]
    above = look.seen.actual if look.seen is not None else None
    if not isinstance(above, SourceConfig):
        raise Unavailable(f"{parent}, which declares it, is not followed yet")
    return above
