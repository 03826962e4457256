"""The review of security by rule: no exception without a reason, and no safeguard without a proof."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.checks.requirements import PAGE, ROW, proofs_by_requirement

pytestmark = pytest.mark.req("AUTH-39")

SECURITY = Path("docs/explanation/security.md")
EXCEPTION = re.compile(r"noqa: ([A-Z0-9, ]*\bS\d{3}\b[A-Z0-9, ]*)(.*)")
CODE = ("reconciler", "api")


def test_each_exception_from_the_rules_of_security_says_why() -> None:
    found = [
        (f"{file}:{number}", match[2])
        for folder in CODE
        for file in sorted(Path(folder).rglob("*.py"))
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if (match := EXCEPTION.search(line))
    ]
    assert len(found) > 10
    assert [place for place, reason in found if not re.match(r"\s*(- .{8,}|# .{8,})", reason)] == []


def test_no_rule_of_security_is_left_out() -> None:
    """But for `S603` and `S607`: processes are the trade, and a rule that always speaks is no review."""
    lint = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert lint["select"] == ["ALL"]
    assert {rule for rule in lint["ignore"] if re.fullmatch(r"S\d*", rule)} == {"S603", "S607"}
    of_code = {where: rules for where, rules in lint["per-file-ignores"].items() if where.startswith(CODE)}
    assert not [rule for rules in of_code.values() for rule in rules if re.fullmatch(r"S\d*", rule)]


def test_each_safeguard_is_proven() -> None:
    rows, proofs = set(ROW.findall(PAGE.read_text())), proofs_by_requirement()
    named = set(re.findall(r"\b[A-Z]+-\d{2}\b", SECURITY.read_text()))
    assert len(named) > 20
    assert named <= rows
    assert {one for one in named if not proofs[one]} == set()
