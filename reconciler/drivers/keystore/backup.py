"""The backup of a node: one text to keep offline, and an age identity file besides.

Rules: the keys that the node made stand in it as comments, so that `age -d -i FILE` takes it as it
is; a text that was cut off or changed in a record is refused as a whole.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from reconciler.drivers.keystore import age
from reconciler.drivers.keystore.identity import parse
from reconciler.drivers.keystore.keys import KeyRecord
from reconciler.errors import Invalid
from reconciler.model import Ref

HEAD = """\
# The backup of a Holdfast node. Whoever has this text can read all of its secrets and sign with its
# keys: keep it offline. `holdfast node identity import` takes it in; `age -d -i` does, too.
"""
KEY = "# key "
END = "# end"


@dataclass(frozen=True, slots=True)
class Backup:
    identities: tuple[str, ...]  # the present one first
    keys: Mapping[Ref, KeyRecord]

    def text(self) -> str:
        lines = [HEAD.rstrip()]
        for identity in self.identities:
            lines += [f"# recipient: {age.recipient_of(identity)}", identity]
        for ref, record in self.keys.items():
            content = {"namespace": ref.namespace, "name": ref.name, "record": record.model_dump(mode="json")}
            lines.append(KEY + b64encode(json.dumps(content).encode()).decode())
        return "\n".join([*lines, f"{END} {len(self.keys)}\n"])

    @classmethod
    def parse(cls, text: str) -> Backup:
        identities = parse(text.encode())
        if not identities:
            raise Invalid(
                "there is no identity in this text",
                remedy="give what `holdfast node identity export` printed, from its first line to its last",
            )
        for identity in identities:
            age.recipient_of(identity)
        lines = [line.strip() for line in text.splitlines()]
        keys = dict(_key(line.removeprefix(KEY)) for line in lines if line.startswith(KEY))
        ends = [line for line in lines if line.startswith(END)]
        if (ends and ends != [f"{END} {len(keys)}"]) or (keys and not ends):
            raise _damaged()
        return cls(identities, keys)


def _key(encoded: str) -> tuple[Ref, KeyRecord]:
    try:
        content = json.loads(b64decode(encoded, validate=True))
        ref = Ref("Key", str(content["namespace"]), str(content["name"]))
        return ref, KeyRecord.model_validate(content["record"])
    except (ValueError, KeyError, TypeError, ValidationError):
        raise _damaged() from None


def _damaged() -> Invalid:
    return Invalid(
        "this backup is damaged: a key is missing or cut off",
        remedy="give the whole text, from its first line to its last (`# end …`), or another copy",
    )
