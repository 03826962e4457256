"""Every requirement on the reference page has a test, and every id in a test is a row of that page.

A row is `- CORE-04: …`; a test says `@pytest.mark.req("CORE-04")`. Prints the rows without a proof and the
ids without a row; with `--list`, each row's proofs.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PAGE = Path("docs/reference/requirements.md")
TESTS = Path("tests")
ROW = re.compile(r"^- ([A-Z]+-\d{2}):", re.MULTILINE)


def main(arguments: list[str]) -> int:
    rows = ROW.findall(PAGE.read_text())
    proofs = proofs_by_requirement()
    if "--list" in arguments:
        for row in rows:
            print(row, *(proofs[row] or ["(none)"]), sep="\n  ")
        return 0
    problems = [
        *(f"{PAGE}: {row} stands there twice" for row in sorted({r for r in rows if rows.count(r) > 1})),
        *(f"{PAGE}: {row} is proven by no test" for row in rows if not proofs[row]),
        *(
            f"{test}: {row} is no row of {PAGE}"
            for row, tests in sorted(proofs.items())
            if row not in rows
            for test in tests
        ),
    ]
    print(*problems, f"requirements: {len(rows)} rows, {len(problems)} problems", sep="\n")
    return 1 if problems else 0


def proofs_by_requirement() -> defaultdict[str, list[str]]:
    """The tests that name each requirement, as `file:line: test`."""
    proofs: defaultdict[str, list[str]] = defaultdict(list)
    for file in sorted(TESTS.rglob("test_*.py")):
        for name, line, ids in _marked(ast.parse(file.read_text(), file.name)):
            for requirement in ids:
                proofs[requirement].append(f"{file}:{line}: {name}")
    return proofs


def _marked(module: ast.Module) -> Iterator[tuple[str, int, list[str]]]:
    """Each marked test, class or name: `pytestmark` for a whole file, or a list of parameters with marks."""
    for node in ast.walk(module):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, node.lineno, [i for mark in node.decorator_list for i in _ids(mark)]
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield name, node.lineno, _ids(node.value)


def _ids(expression: ast.expr) -> list[str]:
    """The ids within `pytest.mark.req(...)`, also where it stands in a list or in a parameter's marks."""
    return [
        argument.value
        for node in ast.walk(expression)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "req"
        for argument in node.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
