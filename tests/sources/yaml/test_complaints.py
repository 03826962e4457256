"""What is wrong with a document is told in plain words, at the field, with what to write instead."""

from __future__ import annotations

import pytest

from reconciler.errors import Rejected
from reconciler.runtime.bundle import Bundle, checked
from reconciler.runtime.plugins import find_kinds

KEY = "apiVersion: holdfast.dev/v1\nkind: Key\nmetadata: {name: a}\nspec: "
SERVICE = KEY.replace("Key", "Service")
GROUP = KEY.replace("Key", "ServiceGroup")


@pytest.mark.req("CLI-02", "ERR-04")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            KEY + "{rol: creator}",
            ["4:8: spec.rol: unknown field, did you mean 'role'?"],
        ),
        (
            KEY + "{role: creator, generate: true, colour: red}",
            [
                (
                    "4:39: spec.colour: unknown field\n  remedy: known here: adopt, deletionPolicy, "
                    "dependsOn, generate, publicKey, role, rotate, suspend"
                )
            ],
        ),
        (
            KEY + "{role: createor, generate: true}",
            ["4:8: spec.role: unknown role, did you mean 'creator'? (a plug-in's role has a dot)"],
        ),
        (
            SERVICE + "{command: [sleep, 5]}",
            ["4:25: spec.command[1]: expected text, not a number\n  remedy: quote it"],
        ),
        (
            SERVICE + "{command: sleep 5}",
            ["4:8: spec.command: expected a list, not text"],
        ),
        (
            GROUP + '{services: {web: {command: [serve], health: {http: "http://127.0.0.1/"}}}}',
            ["4:52: spec.services.web.health.http: expected a mapping, not text\n  remedy: known in it: url"],
        ),
        (
            SERVICE + "{command: [serve], env: {TOKEN:hunter2}}",
            [
                (
                    "4:32: spec.env.TOKEN:…: expected text or a mapping, not null\n"
                    "  remedy: write a space after the colon"
                )
            ],
        ),
        (
            GROUP + "{services: {web: {}}}",
            ["4:19: spec.services.web.command: a required field is missing"],
        ),
        (
            GROUP + "{services: [web]}",
            ["4:8: spec.services: expected a mapping, not a list"],
        ),
    ],
)
def test_it_is_told_where_and_what_to_write(text: str, told: list[str]) -> None:
    with pytest.raises(Rejected) as rejected:
        checked(Bundle({"f.yaml": text}), find_kinds())
    assert [str(problem) for problem in rejected.value.problems] == [f"f.yaml:{each}" for each in told]
