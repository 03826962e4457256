"""`dataclass` as the standard library has it, but a frozen one with slots compiles nothing before it is used.

Rules: the standard one compiles six methods a class, most of a millisecond, which every command would pay
more than a hundred times over. Here `__init__` is compiled by the first instance, and the others are not
compiled at all. Other dataclasses are the standard ones; so must one be that dataclasses inherit from.
`field`, `fields`, `replace` and matching by position are as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, fields
from dataclasses import dataclass as _standard
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Never

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: Any = None, /, **options: bool) -> Any:  # noqa: ANN401 - as the standard one
        return _late if options == {"frozen": True, "slots": True} else _standard(cls, **options)


__all__ = ["dataclass"]


def _late(cls: type[Any]) -> type[Any]:
    if cls.__doc__ is None:
        cls.__doc__ = ""  # or the standard one makes a text of the signature, which takes longest of all
    made: type[Any] = _standard(cls, init=False, repr=False, eq=False, slots=True)
    values = _values(made)
    methods = {
        "__init__": _late_init(made),
        "__eq__": _eq(values),
        "__hash__": _hash(values),
        "__repr__": _repr,
        "__setattr__": _refuse,
        "__delattr__": _refuse,
    }
    for name in methods.keys() - vars(cls).keys():
        setattr(made, name, methods[name])
    return made


def _late_init(cls: Any) -> Callable[..., None]:  # noqa: ANN401 - the class
    def init(self: object, *values: object, **named: object) -> None:
        cls.__init__ = _compiled_init(cls)
        cls.__init__(self, *values, **named)

    return init


def _compiled_init(cls: type[Any]) -> Callable[..., None]:
    """Takes the fields in their order, and fills the slots behind the back of `__setattr__`."""
    known: dict[str, Any] = {"MISSING": MISSING}
    ordered, named, body = ["self"], list[str](), list[str]()
    for field in fields(cls):
        name, default = field.name, ""
        known[f"set_{name}"] = getattr(cls, name).__set__
        if field.default is not MISSING:
            known[f"default_{name}"] = field.default
            default = f"=default_{name}"
        elif field.default_factory is not MISSING:
            known[f"make_{name}"] = field.default_factory
            default = "=MISSING"
            body.append(f"  if {name} is MISSING: {name} = make_{name}()")
        (named if field.kw_only else ordered).append(name + default)
        body.append(f"  set_{name}(self, {name})")
    head = ", ".join([*ordered, *(["*", *named] if named else [])])
    source = "\n".join([f"def {cls.__name__}({head}):", *body, "  return"])
    exec(source, known)  # noqa: S102 - made of names in our own code
    written: Callable[..., None] = known[cls.__name__]
    return written


def _values(cls: type[Any]) -> Callable[[Any], Any]:
    """What is alike in two that are equal."""
    names = [field.name for field in fields(cls) if field.compare]
    return attrgetter(*names) if names else lambda _: None


def _eq(values: Callable[[Any], Any]) -> Callable[[Any, object], bool]:
    def equal(self: object, other: object) -> bool:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return equal


def _hash(values: Callable[[Any], Any]) -> Callable[[Any], int]:
    return lambda self: hash(values(self))


def _repr(self: Any) -> str:  # noqa: ANN401 - one of any of the classes
    shown = (f"{field.name}={getattr(self, field.name)!r}" for field in fields(self) if field.repr)
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _refuse(self: object, name: str, *_: object) -> Never:
    raise FrozenInstanceError(f"{self.__class__.__qualname__}.{name} cannot be changed")
