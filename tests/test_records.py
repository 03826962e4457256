"""Our `dataclass` against the standard one: whatever a class may have, both do the same with it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from reconciler.records import dataclass

T = TypeVar("T")


def plain(decorated: Callable[..., Any]) -> type[Any]:
    @decorated(frozen=True, slots=True)
    class Plain:
        one: int
        two: str = "two"
        three: list[int] = dataclasses.field(default_factory=list)

        @property
        def both(self) -> str:
            return f"{self.one}{self.two}"

    return Plain


def picky(decorated: Callable[..., Any]) -> type[Any]:
    @decorated(frozen=True, slots=True)
    class Picky(Generic[T]):
        """What it is for."""

        one: T
        hidden: str = dataclasses.field(default="", repr=False)
        other: object = dataclasses.field(default=None, compare=False)
        named: int = dataclasses.field(default=3, kw_only=True)

        def __repr__(self) -> str:
            return f"picky {self.one}"

    return Picky


def empty(decorated: Callable[..., Any]) -> type[Any]:
    @decorated(frozen=True, slots=True)
    class Empty:
        pass

    return Empty


@dataclasses.dataclass(frozen=True, slots=True)
class Base:
    zero: int = 0


def heir(decorated: Callable[..., Any]) -> type[Any]:
    @decorated(frozen=True, slots=True)
    class Heir(Base):
        one: int = 1

    return Heir


def shared(decorated: Callable[..., Any]) -> type[Any]:
    @decorated(frozen=True, slots=True)
    class Shared:
        of_all: ClassVar[int] = 1
        one: int = 1

    return Shared


CALLS: list[tuple[Callable[..., type[Any]], tuple[Any, ...], dict[str, Any]]] = [
    (plain, (1,), {}),
    (plain, (1, "b"), {"three": [3]}),
    (plain, (), {"two": "b", "one": 4}),
    (plain, (), {}),
    (plain, (1, 2, 3, 4), {}),
    (plain, (1,), {"four": 4}),
    (picky, (1, "secret"), {"other": object}),
    (picky, (1,), {"named": 4}),
    (picky, (1, "", None, 4), {}),
    (empty, (), {}),
    (empty, (1,), {}),
    (heir, (1, 2), {}),
    (heir, (1, 2, 3), {}),
    (shared, (), {"one": 2}),
    (shared, (), {"of_all": 2}),
]


def told(made: Callable[[], Any]) -> object:
    """All that can be asked of an instance, or how it could not be made."""
    try:
        one = made()
    except TypeError:
        return TypeError
    return (
        [(f.name, f.default, f.compare, f.kw_only, getattr(one, f.name)) for f in dataclasses.fields(one)],
        repr(one).rpartition(".")[2],
        one.__match_args__,
        one == made(),
        hash(one) == hash(made()) if "three" not in one.__match_args__ else None,
        one == dataclasses.asdict(one),
        dataclasses.replace(one) == one,
        copy.deepcopy(one) == one,
    )


@pytest.mark.parametrize(("shape", "values", "named"), CALLS)
def test_it_makes_what_the_standard_one_makes(
    shape: Callable[..., type[Any]], values: tuple[Any, ...], named: dict[str, Any]
) -> None:
    ours, standard = shape(dataclass), shape(dataclasses.dataclass)
    assert told(lambda: ours(*values, **named)) == told(lambda: standard(*values, **named))


@pytest.mark.parametrize("decorated", [dataclass, dataclasses.dataclass])
def test_what_differs_is_not_equal_and_nothing_is_changed(decorated: Callable[..., Any]) -> None:
    made = plain(decorated)
    one = made(1)
    assert one != made(2)
    assert one != plain(decorated)(1)
    shape = picky(decorated)
    assert shape(1, other=2) == shape(1, other=3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.one = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del one.one
    with pytest.raises((AttributeError, TypeError)):
        one.unheard_of = 2
    assert one == made(1)


def test_each_instance_gets_a_default_of_its_own() -> None:
    made = plain(dataclass)
    one, other = made(1), made(1)
    one.three.append(1)
    assert other.three == []


def test_other_dataclasses_are_the_standard_ones() -> None:
    @dataclass
    class Changing:
        one: int = 1

    changing = Changing()
    changing.one = 2
    assert changing == Changing(2)


def test_nothing_is_compiled_before_an_instance_is_made() -> None:
    made = plain(dataclass)
    late = made.__init__
    made(1)
    compiled = made.__init__
    made(2)
    assert late is not compiled
    assert compiled is made.__init__
