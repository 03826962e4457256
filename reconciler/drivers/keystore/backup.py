"""The backup of a node: one text to keep offline, and an age identity file besides.

Rules: the keys that the node made stand in it as comments, so that `age -d -i FILE` takes it as it
is; its last line is a digest of the others, so that one cut off or changed on the way is refused as
a whole. A plain age identity file is taken, too.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256

from pydantic import ValidationError

from reconciler.drivers.keystore import age
from reconciler.drivers.keystore.identity import parse
from reconciler.drivers.keystore.keys import KeyRecord
from reconciler.errors import Invalid
from reconciler.model import Ref
from reconciler.records import dataclass

HEAD = (
    "# The backup of a Holdfast node. Whoever has this text can read its secrets and sign with its keys:",
    "# keep it offline. `holdfast node identity import` takes it in, and so does `age --decrypt --identity`.",
)
KEY = "# key: "
END = "# end: "


@dataclass(frozen=True, slots=True)
class Backup:
    identities: tuple[str, ...]  # the present one first
    keys: Mapping[Ref, KeyRecord]

    def text(self) -> str:
        lines = list(HEAD)
        for identity in self.identities:
            lines += [f"# recipient: {age.recipient_of(identity)}", identity]
        for ref, record in self.keys.items():
            content = {"namespace": ref.namespace, "name": ref.name, "record": record.model_dump(mode="json")}
            lines.append(KEY + b64encode(json.dumps(content).encode()).decode())
        return "\n".join([*lines, _end(lines), ""])

    @classmethod
    def parse(cls, text: str) -> Backup:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        whole = lines and lines[-1] == _end(lines[:-1])
        if not whole and any(line in HEAD or line.startswith((KEY, END)) for line in lines):
            raise _damaged()
        identities = parse(text)
        if not identities:
            raise Invalid(
                "there is no identity in this text",
                remedy="give what `holdfast node identity export` printed, from its first line to its last",
            )
        for identity in identities:
            age.recipient_of(identity)
        return cls(identities, dict(_key(line.removeprefix(KEY)) for line in lines if line.startswith(KEY)))


def _end(lines: Sequence[str]) -> str:
    return END + sha256("\n".join(lines).encode()).hexdigest()


def _key(encoded: str) -> tuple[Ref, KeyRecord]:
    try:
        content = json.loads(b64decode(encoded, validate=True))
        ref = Ref("Key", str(content["namespace"]), str(content["name"]))
        return ref, KeyRecord.model_validate(content["record"])
    except (ValueError, KeyError, TypeError, ValidationError):
        raise _damaged() from None


def _damaged() -> Invalid:
    return Invalid(
        "this backup is damaged: something is missing or was changed",
        remedy=f"give the whole text, from its first line to its last (`{END}…`), or another copy",
    )
