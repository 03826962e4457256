"""The reference page of the command line tells of everything, and is not made of what tells nothing."""

from __future__ import annotations

import click
import pytest

from reconciler.cli.top import holdfast
from tests.checks.cli_page import Wordless, command_lines, page


@pytest.mark.req("CLI-07")
def test_every_verb_is_on_the_page() -> None:
    text = page()
    for name in holdfast.list_commands(click.Context(holdfast)):
        assert f"\n## holdfast {name}\n" in text
    assert "\n### holdfast service restart\n" in text
    assert "| `--dry-run` |" in text


@pytest.mark.parametrize(
    "wordless",
    [
        click.Command("mute"),
        click.Command("half", help="Does it.", params=[click.Option(["--how"])]),
        click.Group("noun", help="Things.", commands=[click.Command("mute")]),
    ],
)
def test_what_says_nothing_about_itself_is_refused_by_name(wordless: click.Command) -> None:
    with pytest.raises(Wordless, match="says nothing about itself"):
        list(command_lines(click.Context(wordless, info_name=wordless.name)))
