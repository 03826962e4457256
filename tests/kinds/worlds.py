"""What stands behind any kind in its tests: each port that it asks for, by a Fake.

Rules: a port is found by its type, so a kind whose ports are known needs nothing here; one that brings a
new port adds its Fake to `PORTS`, and values that no schema can tell to `VALUES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from hashlib import sha256
from typing import Any, get_type_hints

from reconciler.drivers.keystore.fake import FakeKeys, FakeSecrets, encrypt
from reconciler.drivers.processes.fake import FakeProcesses
from reconciler.model import EMPTY, JsonValue, Look, Owner, Ref, Resource, Seen
from reconciler.ports.clock import Clock
from reconciler.ports.keys import Keys
from reconciler.ports.processes import Processes
from reconciler.ports.secrets import Secrets, SecretStore
from reconciler.ports.sources import SourceConfig, Sources, SourceState
from tests.kinds.cases import AnyKind
from tests.kinds.wishes import ANY, Path
from tests.simulation.virtual_time import EPOCH, VirtualClock

PLANTED = "planted-5ecret"

VALUES: Mapping[str, Mapping[Path, Sequence[JsonValue]]] = {
    "Secret": {
        ("encrypted",): [
            {"password": encrypt(PLANTED)},
            {"password": encrypt("other"), "user": encrypt("x")},
        ],
        ("encrypted", ANY): [encrypt(PLANTED), encrypt("another")],
    },
}


class AnySecret:
    """The port `Secrets`: whatever is asked for is there."""

    def resolve(self, secret: Ref, key: str) -> str:
        return f"{PLANTED} {secret} {key}"

    def versions(self, secret: Ref) -> Mapping[str, str]:
        return AnyInput()


class FollowedSources:
    """The port `Sources`: follows what it is told to, and reads when it is asked."""

    def __init__(self) -> None:
        self._states: dict[str, SourceState] = {}

    async def configure(self, config: SourceConfig) -> None:
        state = self._states.get(config.name, SourceState(config))
        self._states[config.name] = replace(
            state, config=config, current=state.current and state.config == config
        )

    async def read(self, name: str) -> SourceState:
        self._states[name] = replace(self._states[name], current=True, revision="r1")
        return self._states[name]

    async def remove(self, name: str) -> None:
        self._states.pop(name, None)

    def state(self, name: str) -> SourceState | None:
        return self._states.get(name)

    def names(self) -> frozenset[str]:
        return frozenset(self._states)

    def poke(self, name: str, *, allow_prune: bool = False) -> None:
        """Nothing is fetched here."""

    def subscribe(self, changed: Callable[[str], None]) -> None:
        """Nothing changes by itself here."""


class AnyInput(Mapping[str, str]):
    """The digest of whatever another resource is asked for."""

    def __getitem__(self, key: str) -> str:
        return sha256(key.encode()).hexdigest()

    def __contains__(self, key: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class AnyTree:
    """Files beside the manifest, whatever they are called."""

    def read(self, path: str) -> bytes:
        return path.encode()

    def digest(self, path: str) -> str:
        return sha256(path.encode()).hexdigest()

    def folder(self, path: str) -> str:
        return f"/exported/{path}"


PORTS: Mapping[type[Any], Callable[[VirtualClock], object]] = {
    Clock: lambda clock: clock,
    Keys: lambda clock: FakeKeys(),
    SecretStore: lambda clock: FakeSecrets(),
    Secrets: lambda clock: AnySecret(),
    Processes: FakeProcesses,
    Sources: lambda clock: FollowedSources(),
}


def uses_of(kind: AnyKind, clock: VirtualClock) -> Any:  # noqa: ANN401 - each kind has a type of its own
    """What the node would give it."""
    assert is_dataclass(kind.uses)
    types = get_type_hints(kind.uses)
    missing = [types[f.name].__name__ for f in fields(kind.uses) if types[f.name] not in PORTS]
    assert not missing, f"{type(kind).__name__} uses {missing}: add their Fakes to PORTS in {__name__}"
    return kind.uses(**{f.name: PORTS[types[f.name]](clock) for f in fields(kind.uses)})


def surroundings(kind: AnyKind, want: Resource[Any]) -> Mapping[Ref, Look]:
    """All that it looks at is there, and as it should be."""
    found = Look(None, Seen(None, Owner.OURS, EPOCH, AnyInput()), None)
    return dict.fromkeys(kind.looks_at(want), found) if want.spec is not None else EMPTY
