"""`dataclass` as the standard library has it, but a frozen one with slots works nothing out before its use.

Rules: the standard one looks hard at each field and compiles six methods a class, most of a millisecond,
which every command would pay more than a hundred times over. Here the first instance compiles `__init__`,
the other methods are not compiled at all, and the standard one is asked what `fields` tells by whoever wants
to know. A dataclass of any other shape, one that inherits from a dataclass, and one that annotates what is no
field, is the standard one; so must one be that dataclasses inherit from. `field`, `fields`, `replace`, copies
and matching by position are as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, FrozenInstanceError, field, fields
from dataclasses import dataclass as _standard
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Never

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: Any = None, /, **options: bool) -> Any:  # noqa: ANN401 - as the standard one
        return _late if options == {"frozen": True, "slots": True} else _standard(cls, **options)


__all__ = ["dataclass"]

FIELDS = "__dataclass_fields__"  # where `fields` looks, and all that asks whether something is a dataclass
NO_FIELDS = ("ClassVar", "InitVar", "KW_ONLY")

Fields = Mapping[str, Field[Any]]


def _late(cls: type[Any]) -> type[Any]:
    content = {name: value for name, value in vars(cls).items() if name not in {"__dict__", "__weakref__"}}
    annotated: Mapping[str, object] = content.get("__annotations__", {})
    told = " ".join(map(str, annotated.values()))
    if hasattr(cls, FIELDS) or any(marker in told for marker in NO_FIELDS):
        return _standard(frozen=True, slots=True)(cls)
    written = {name: _field(content.pop(name, MISSING)) for name in annotated}
    values = _values(written)
    methods = {
        "__init__": _late_init(written),
        "__eq__": _eq(values),
        "__hash__": _hash(values),
        "__repr__": _repr,
        "__setattr__": _refuse,
        "__delattr__": _refuse,
        "__getstate__": _state,
        "__setstate__": _restore,
    }
    names = {
        "__slots__": tuple(written),
        "__match_args__": tuple(name for name, one in written.items() if one.kw_only is not True),
        FIELDS: _LateFields(cls),
    }
    metaclass: Any = type(cls)
    made: type[Any] = metaclass(cls.__name__, cls.__bases__, methods | content | names)
    made.__qualname__ = cls.__qualname__
    return made


def _field(written: Any) -> Field[Any]:  # noqa: ANN401 - any default
    found: Field[Any] = written if isinstance(written, Field) else field(default=written)
    return found


class _LateFields:
    def __init__(self, written: type[Any]) -> None:
        self._written = written

    def __get__(self, _: object, made: type[Any]) -> Fields:
        self._written.__doc__ = ""  # or the standard one makes a text of the signature, which takes longest
        standard = _standard(init=False, repr=False, eq=False)(self._written)
        found: Fields = vars(standard)[FIELDS]
        setattr(made, FIELDS, found)
        return found


def _late_init(written: Fields) -> Callable[..., None]:
    def init(self: object, *values: object, **named: object) -> None:
        cls: Any = self.__class__
        cls.__init__ = _compiled_init(cls, written)
        cls.__init__(self, *values, **named)

    return init


def _compiled_init(cls: type[Any], written: Fields) -> Callable[..., None]:
    """Takes the fields in their order, and fills the slots behind the back of `__setattr__`."""
    known: dict[str, Any] = {"MISSING": MISSING}
    ordered, named, body = ["self"], list[str](), list[str]()
    for name, one in written.items():
        default = ""
        known[f"set_{name}"] = getattr(cls, name).__set__
        if one.default is not MISSING:
            known[f"default_{name}"] = one.default
            default = f"=default_{name}"
        elif one.default_factory is not MISSING:
            known[f"make_{name}"] = one.default_factory
            default = "=MISSING"
            body.append(f"  if {name} is MISSING: {name} = make_{name}()")
        (named if one.kw_only is True else ordered).append(name + default)
        body.append(f"  set_{name}(self, {name})")
    head = ", ".join([*ordered, *(["*", *named] if named else [])])
    source = "\n".join([f"def {cls.__name__}({head}):", *body, "  return"])
    exec(source, known)  # noqa: S102 - made of names in our own code
    compiled: Callable[..., None] = known[cls.__name__]
    return compiled


def _values(written: Fields) -> Callable[[Any], Any]:
    """What is alike in two that are equal."""
    names = [name for name, one in written.items() if one.compare]
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


def _state(self: Any) -> list[Any]:  # noqa: ANN401 - one of any of the classes
    return [getattr(self, name) for name in self.__slots__]


def _restore(self: Any, state: list[Any]) -> None:  # noqa: ANN401 - one of any of the classes
    for name, value in zip(self.__slots__, state, strict=True):
        object.__setattr__(self, name, value)
