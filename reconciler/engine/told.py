"""Changes and steps as the audit log, the API and `diff` tell them: plain JSON, secrets masked. Pure."""

from __future__ import annotations

from reconciler.engine.diff import MASK, plain
from reconciler.model import Change, JsonValue, Step


def described(change: Change) -> dict[str, JsonValue]:
    return {
        "path": list(change.path),
        "seen": MASK if change.secret and change.seen is not None else change.seen,
        "want": MASK if change.secret and change.want is not None else change.want,
        "recreates": change.recreates,
    }


def told(step: Step) -> dict[str, JsonValue]:
    """The step's own word and its fields; what it remembers is nobody's news."""
    fields = plain(step)
    fields.pop("remember", None)
    return {"step": step.verb or type(step).__name__, **fields}
