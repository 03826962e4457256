"""The simulation with the node's own kinds beside its others: keys, secrets and services, on their Fakes.

Rules: keystore and processes outlive a crash, as files and processes do; the oracle looks at them through
no kind. What was simulated without these lives on unchanged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from random import Random
from typing import Any, ClassVar

from reconciler.drivers.keystore.fake import FakeKeys, FakeSecrets, encrypt
from reconciler.drivers.processes.fake import FakeProcesses
from reconciler.errors import NotFound
from reconciler.kinds.key import Uses as KeyUses
from reconciler.kinds.key.spec import KeySpec
from reconciler.kinds.secret import Uses as SecretUses
from reconciler.kinds.secret.spec import SecretSpec
from reconciler.kinds.service.service import Uses as ServiceUses
from reconciler.kinds.service.spec import FromSecret, ServiceSpec, State
from reconciler.model import Ref, Resource, Spec
from reconciler.ports.kinds import Kinds
from reconciler.ports.processes import ProcessState
from tests.simulation.attended import ALL, Attended
from tests.simulation.committer import Committer, Repo
from tests.simulation.fate import Fate
from tests.simulation.node import MakeEngine, Node
from tests.simulation.simulation import Simulation

KEYS, SECRETS, SERVICES = ("ka", "kb"), ("sa", "sb"), ("wa", "wb", "wc")
ALIVE = (ProcessState.RUNNING, ProcessState.STOPPED, ProcessState.ENDING)


def ref_of(name: str) -> Ref:
    return Ref({"k": "Key", "s": "Secret", "w": "Service"}[name[0]], "default", name)


class OwnCommitter(Committer):
    kinds: ClassVar[Kinds] = ALL

    def anything(self) -> str:
        if self._random.random() < 0.4:
            return super().anything()
        name = self._random.choice(("one", "one", "one", "two", "three"))
        edits = [self._own] * self._random.randint(1, 3)
        return self.commit(name, *edits, allow=self._random.random() < 0.15)

    def _fill(self, repo: Repo) -> None:
        super()._fill(repo)
        for _ in range(4):
            self._own(repo)

    def _own(self, repo: Repo) -> None:
        ref = ref_of(self._random.choice((*KEYS, *SECRETS, *SERVICES)))
        if ref in repo.documents and self._random.random() < 0.3:
            del repo.documents[ref]
        else:
            repo.declare(ref, self._wish(ref), {}, ALL)

    def _wish(self, ref: Ref) -> Spec:
        random = self._random
        often = {"deletionPolicy": random.choice(("Delete", "DeleteData")), "suspend": random.random() < 0.03}
        match ref.kind:
            case "Key":
                rotate, role = random.choice(("", "1", "2")), random.choice(("creator", "maintainer"))
                return KeySpec.model_validate({"role": role, "generate": True, "rotate": rotate, **often})
            case "Secret":
                return SecretSpec.model_validate({"encrypted": {"v": encrypt(random.choice("xyz"))}, **often})
            case _:
                return ServiceSpec.model_validate({**self._service(ref.name), **often})

    def _service(self, name: str) -> dict[str, Any]:
        """Who comes later in the alphabet may need who comes before; the last may be stopped."""
        random = self._random
        before = [other for other in SERVICES if other < name]
        wish: dict[str, Any] = {"command": ["run", random.choice("12")]}
        if random.random() < 0.4:
            wish["env"] = {"V": {"secret": random.choice(SECRETS), "key": "v"}}
        if before and random.random() < 0.4:
            wish["needs"] = {random.choice(before): "started"}
        if random.random() < 0.2:
            wish["dependsOn"] = [f"key/{random.choice(KEYS)}"]
        if name == SERVICES[-1] and random.random() < 0.3:
            wish["state"] = "stopped"
        return wish


class OwnNode(Node):
    kinds: ClassVar[Kinds] = ALL

    def __init__(self, random: Random, make_engine: MakeEngine) -> None:
        super().__init__(random, make_engine)
        self.keys, self.secrets = FakeKeys(), FakeSecrets()
        self.processes = FakeProcesses(self.clock)

    def _committer(self, random: Random) -> Committer:
        return OwnCommitter(random)

    @property
    def uses(self) -> Mapping[str, object]:
        own = {
            "Key": KeyUses(self.keys, self.clock),
            "Secret": SecretUses(self.secrets, self.clock),
            "Service": ServiceUses(self.processes, self.secrets, self.clock),
        }
        return {name: Attended(uses, self.faults, self.witness) for name, uses in own.items()}

    async def start(self) -> None:
        await self.processes.close()
        self.processes.open()
        await super().start()


class OwnFate(Fate):
    """What else may happen where there are processes and keys."""

    def __init__(self, random: Random, node: OwnNode) -> None:
        super().__init__(random, node)
        self._own = node

    async def deal(self) -> None:
        if self._random.random() < 0.75:
            await super().deal()
            return
        deed = self._random.choice((self._end, self._freeze, self._harden, self._away, self._lose))
        self._node.witness.note(f"DEED {await deed()}")

    def _one(self, *states: ProcessState) -> str | None:
        table = self._own.processes._table
        found = sorted(name for name, process in table.items() if process.state in states)
        return self._random.choice(found) if found else None

    async def _end(self) -> str:
        name = self._one(ProcessState.RUNNING, ProcessState.STOPPED)
        if name is not None:
            self._own.processes.end(name, exit_code=self._random.choice((0, 1)))
        return f"{name} ends by itself"

    async def _freeze(self) -> str:
        name = self._one(ProcessState.RUNNING)
        if name is not None:
            self._own.processes.freeze(name)
        return f"somebody freezes {name}"

    async def _harden(self) -> str:
        name = self._one(ProcessState.RUNNING)
        if name is not None:
            self._own.processes.stubborn.add(name)
        return f"{name} will not be told to end"

    async def _away(self) -> str:
        seconds = self._random.choice((1.0, 30.0))
        self._own.processes.away = True
        asyncio.get_running_loop().call_later(seconds, self._own.processes.come_back)
        return f"the keeper is away for {seconds} s"

    async def _lose(self) -> str:
        ref = ref_of(self._random.choice((*KEYS, *SECRETS)))
        await (self._own.keys.destroy(ref) if ref.kind == "Key" else self._own.secrets.drop(ref))
        return f"somebody removes {ref}"


class OwnSimulation(Simulation):
    node: OwnNode

    def _node(self, random: Random, make_engine: MakeEngine) -> Node:
        return OwnNode(random, make_engine)

    def _deals(self, random: Random) -> Fate:
        return OwnFate(random, self.node)

    def missing(self) -> Iterator[str]:
        yield from super().missing()
        node, wants = self.node, self.node.wants()
        fine = self._fine(wants, self._lost(wants))
        statuses = node.witness.statuses
        for ref in sorted(statuses.keys() & fine & {ref_of(name) for name in (*KEYS, *SECRETS, *SERVICES)}):
            if not any(self._as_wanted(want) for want in wants[ref]):
                yield f"{ref} is not as it is wanted: {wants[ref][0].spec}"
            elif not statuses[ref].ready:
                yield f"{ref} is as wanted, and not ready: {statuses[ref].conditions}"
        there = node.keys.refs() | node.secrets.refs() | set(map(_service, node.processes._table))
        for ref in sorted(there - node.witness.rows.keys()):
            yield f"{ref} was made and is lost"

    def _as_wanted(self, want: Resource[Any]) -> bool:
        node, spec = self.node, want.spec
        match spec:
            case KeySpec():
                key = node.keys.get(want.ref)
                return key is not None and key.role == spec.role and spec.rotate in ("", *key.rotations)
            case SecretSpec():
                value = node.secrets._values.get(want.ref, {}).get("v")
                return value is not None and encrypt(value[1]).strip() == spec.encrypted["v"].strip()
            case ServiceSpec():
                return self._runs_as(want.ref, spec)
        return False

    def _runs_as(self, ref: Ref, spec: ServiceSpec) -> bool:
        name = f"{ref.namespace}/{ref.name}"
        process = self.node.processes._table.get(name)
        if spec.state is State.STOPPED:
            return process is None or process.state not in ALIVE
        if process is None or process.state is not ProcessState.RUNNING:
            return False
        run, value = self.node.processes.runs[name], spec.env.get("V")
        return run.argv == spec.command and (value is None or run.env.get("V") == self._held(value))

    def _held(self, value: object) -> str:
        """What a secret holds just now: nothing, where somebody has removed it."""
        secret = Ref("Secret", "default", value.secret if isinstance(value, FromSecret) else "")
        with suppress(NotFound):
            return self.node.secrets.resolve(secret, "v")
        return ""


def _service(id_: str) -> Ref:
    namespace, _, name = id_.partition("/")
    return Ref("Service", namespace, name)
