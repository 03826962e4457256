"""How a resource may be called, and what people may note about it.

Rules: the grammar is Kubernetes' own, so that a manifest that is good here is good there: names are
DNS subdomains, namespaces DNS labels, labels short words that a selector can name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict

from reconciler.model import EMPTY
from reconciler.ref_text import DEFAULT_NAMESPACE

LONGEST_NAME: Final = 253
LONGEST_NAMESPACE: Final = 63

_PART = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_NAME: Final = re.compile(rf"{_PART}(?:\.{_PART})*")
_NAMESPACE: Final = re.compile(_PART)
_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[-._A-Za-z0-9]{0,61}[A-Za-z0-9])?")
_ENDS: Final = "a letter or digit at both ends"
_WORD: Final = f"up to 63 of A-Z, a-z, 0-9, '-', '_' and '.', {_ENDS}"


def _name(text: str) -> str:
    if len(text) > LONGEST_NAME or not _NAME.fullmatch(text):
        raise ValueError(f"expected up to {LONGEST_NAME} of a-z, 0-9, '-' and '.', {_ENDS} of each part")
    return text


def _namespace(text: str) -> str:
    if len(text) > LONGEST_NAMESPACE or not _NAMESPACE.fullmatch(text):
        raise ValueError(f"expected up to {LONGEST_NAMESPACE} of a-z, 0-9 and '-', {_ENDS}")
    return text


def _label_key(text: str) -> str:
    prefix, slash, name = text.rpartition("/")
    if not _LABEL.fullmatch(name) or (slash and (len(prefix) > LONGEST_NAME or not _NAME.fullmatch(prefix))):
        raise ValueError(f"expected {_WORD}; before it may stand a domain and '/'")
    return text


def _label(text: str) -> str:
    if text and not _LABEL.fullmatch(text):
        raise ValueError(f"expected {_WORD}")
    return text


_Name = Annotated[str, AfterValidator(_name)]
_Namespace = Annotated[str, AfterValidator(_namespace)]
_LabelKey = Annotated[str, AfterValidator(_label_key)]
_Label = Annotated[str, AfterValidator(_label)]


class Metadata(BaseModel):
    """How a resource is called, and what people note about it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: _Name
    namespace: _Namespace = DEFAULT_NAMESPACE
    labels: Mapping[_LabelKey, _Label] = EMPTY
    annotations: Mapping[_LabelKey, str] = EMPTY
