"""What a source lays over its manifests: merge patches on resources, and paths over earlier paths.

Rules: a patch is RFC 7386 on the whole document and never changes which resource it is. Paths are
layers: what a later one declares replaces what an earlier one did, and a file belongs to the last layer
that holds it, so that `base` and `base/test` may both be named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from reconciler.model import EMPTY, JsonValue, Ref
from reconciler.records import dataclass

MANIFESTS: Final = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Patch:
    """A merge patch on the resources that match; what is left empty matches all."""

    patch: JsonValue
    kind: str = ""
    name: str = ""
    namespace: str = ""
    labels: Mapping[str, str] = EMPTY

    @classmethod
    def parse(cls, written: Mapping[str, JsonValue]) -> Patch:
        """As it stands in a source's `patches`."""
        return cls(written["patch"], **(written.get("target") or {}))

    def matches(self, ref: Ref, labels: Mapping[str, str]) -> bool:
        kind = ref.kind.lower()
        return (
            self.kind.lower() in {"", kind, kind.partition(".")[0]}
            and self.name in {"", ref.name}
            and self.namespace in {"", ref.namespace}
            and self.labels.items() <= labels.items()
        )

    def __str__(self) -> str:
        fields = {"kind": self.kind, "namespace": self.namespace, "name": self.name, **self.labels}
        return ", ".join(f"{field}: {value}" for field, value in fields.items() if value) or "everything"


def layers(files: Iterable[str], paths: Sequence[str]) -> list[list[str]]:
    """For each path in its order: the manifests that it brings, sorted."""
    folders = [_clean(path) for path in paths]
    found: list[list[str]] = [[] for _ in folders]
    for file in sorted(files):
        number = next((n for n in reversed(range(len(folders))) if _brings(folders[n], file)), None)
        if number is not None:
            found[number].append(file)
    return found


def _brings(folder: str, file: str) -> bool:
    """A folder brings the manifests below it that are not hidden; a file that is named brings itself."""
    if file == folder:
        return True
    if not file.endswith(MANIFESTS) or (folder and not file.startswith(f"{folder}/")):
        return False
    return "/." not in f"/{file[len(folder) :].lstrip('/')}"


def _clean(path: str) -> str:
    return "/".join(part for part in path.split("/") if part not in {"", "."})
