"""One document's data -> what it declares, or everything that is wrong with it.

Rules: a document is checked whole, so that all complaints come at once; a source's patches are laid on
before, and never change which resource it is. What a plug-in's kind cannot cope with is that
document's error, and no other's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from reconciler.errors import Problem
from reconciler.model import JsonValue, Need, Ref, Spec, merge_patch
from reconciler.records import dataclass
from reconciler.ref_text import DEFAULT_NAMESPACE
from reconciler.sources.annotations import misspelt
from reconciler.sources.complaints import Complaint, Wrong, complaints
from reconciler.sources.metadata import Metadata
from reconciler.sources.overlay import Patch
from reconciler.sources.vocabulary import FIELDS, Vocabulary
from reconciler.spelling import nearest

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Declared:
    """What a document says."""

    ref: Ref
    spec: Spec
    metadata: Metadata
    needs: Mapping[Ref, Need]
    patched: frozenset[int]  # the numbers of the patches that were laid on


def declare(data: JsonValue, known: Vocabulary, patches: Sequence[Patch] = ()) -> Declared:
    """Raises `Wrong` with all complaints, or `Foreign`."""
    kind = known.kind(data)
    wrong = [_unknown_field(field) for field in data if field not in FIELDS]
    metadata = _checked(Metadata, data, "metadata", wrong)
    patched: frozenset[int] = frozenset()
    if metadata is not None and patches:
        ref = Ref(kind, metadata.namespace, metadata.name)
        patched = frozenset(n for n, each in enumerate(patches) if each.matches(ref, metadata.labels))
        for number in sorted(patched):
            data = _patched(data, patches[number], wrong)
        metadata = _checked(Metadata, data, "metadata", wrong)
    if metadata is not None:
        wrong += misspelt(metadata.annotations)
    model: type[Spec] = known.kinds[kind].spec
    spec = _checked(model, data, "spec", wrong)
    if metadata is None or spec is None or wrong:
        raise Wrong(*wrong)
    ref = Ref(kind, metadata.namespace, metadata.name)
    return Declared(ref, spec, metadata, _needs(ref, spec, known), patched)


def _checked(model: type[M], data: Mapping[str, JsonValue], field: str, wrong: list[Complaint]) -> M | None:
    """The field's value as its model has it; what is wrong with it joins `wrong`."""
    value = data.get(field)
    if value is None:
        value = {}
    try:
        return model.model_validate(value)
    except ValidationError as error:
        wrong += [each._replace(path=(field, *each.path)) for each in complaints(error, model, value)]
    except Exception as error:  # noqa: BLE001 - the model may be a plug-in's, and do anything
        wrong.append(_failing(field, error))
    return None


def _failing(field: str, error: Exception) -> Complaint:
    remedy = "this is an error of the kind, not of the manifest: tell its author"
    return Complaint((field,), f"its kind fails on it with {type(error).__name__}", remedy)


def _unknown_field(field: str) -> Complaint:
    if near := nearest(field, FIELDS):
        return Complaint((field,), f"unknown field, did you mean '{near}'?")
    return Complaint((field,), "unknown field", f"known here: {', '.join(FIELDS)}")


def _patched(data: JsonValue, patch: Patch, wrong: list[Complaint]) -> JsonValue:
    merged = merge_patch(data, patch.patch)
    if _identity(merged) == _identity(data):
        return merged
    wrong.append(Complaint((), f"the source's patch on {patch} would make it another resource"))
    return data


def _identity(data: Mapping[str, JsonValue]) -> tuple[JsonValue, ...]:
    metadata = data.get("metadata")
    named = metadata if isinstance(metadata, Mapping) else {}
    return (
        data.get("apiVersion"),
        data.get("kind"),
        named.get("name"),
        named.get("namespace", DEFAULT_NAMESPACE),
    )


def _needs(ref: Ref, spec: Spec, known: Vocabulary) -> Mapping[Ref, Need]:
    for number, text in enumerate(spec.depends_on):
        try:
            known.kinds.ref(text, ref.namespace)
        except Problem as error:
            path = ("spec", "dependsOn", number)
            raise Wrong(Complaint(path, error.message, error.remedy)) from None
    try:
        return known.kinds.needs(ref, spec)
    except Problem as error:
        raise Wrong(Complaint(("spec",), error.message, error.remedy)) from None
    except Exception as error:  # noqa: BLE001 - the kind may be a plug-in's, and do anything
        raise Wrong(_failing("spec", error)) from None
