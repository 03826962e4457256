"""The fast reader and ruamel.yaml, asked the same: what is in this text?"""

from __future__ import annotations

import warnings

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from reconciler.errors import Misplaced
from reconciler.model import JsonValue
from reconciler.sources.yaml_reader import documents

REFUSED = "refused"


def ours(text: str) -> JsonValue:
    """The data of all documents; `REFUSED` when one of them cannot be read."""
    found = list(documents(text, "x.yaml"))
    if any(isinstance(each, Misplaced) or each.flaws for each in found):
        return REFUSED
    return [each.data for each in found if not isinstance(each, Misplaced)]


def ruamels(text: str) -> JsonValue:
    """The same by ruamel, which speaks YAML 1.2; empty documents are left out, as ours are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an anchor that is given twice is worth a warning to it
        try:
            return [data for data in YAML(typ="safe", pure=True).load_all(text) if data is not None]
        except (YAMLError, ValueError, AttributeError, TypeError):
            return REFUSED


def same(one: JsonValue, other: JsonValue) -> bool:
    """Equal in value and in type: 1 is no True, and no 1.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other or (one != one and other != other))  # noqa: PLR0124 - not a number
