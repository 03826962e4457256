"""What every suite shares: the markers `req` and `needs`, no silent skips in CI, hypothesis' profile.

Rules: a test that needs a program which a laptop may lack says so by `@pytest.mark.needs("sshd")` and is
skipped with that reason. `HOLDFAST_TEST_STRICT=1`, as CI sets it, turns every skip into a failure, so
that a green run has run everything; properties then get the same examples each time, so that a red run is
about the change. Nothing else belongs here: fixtures stand beside their tests.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import hypothesis
import pytest

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

STRICT = os.environ.get("HOLDFAST_TEST_STRICT") == "1"
REQUIREMENT = re.compile(r"[A-Z]+-\d{2}")
# Debian keeps daemons where only root's PATH looks. `.ci/kube-apiserver` builds what has no package.
CACHE = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
ASSETS = os.environ.get("KUBEBUILDER_ASSETS") or f"{CACHE}/holdfast/kubernetes"
PROGRAMS = os.pathsep.join([ASSETS, os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])

# No deadline: how long an example takes on a shared machine, under coverage, says nothing about the code.
hypothesis.settings.register_profile("holdfast", deadline=None, derandomize=STRICT, print_blob=True)
hypothesis.settings.load_profile("holdfast")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a `req` that is no requirement's id; the check of the docs refuses one that no row has."""
    for item in items:
        for mark in item.iter_markers("req"):
            wrong = [name for name in mark.args if not REQUIREMENT.fullmatch(str(name))]
            if wrong or not mark.args:
                raise pytest.UsageError(f"{item.nodeid}: req{mark.args}: expected ids such as 'CORE-04'")


def pytest_runtest_setup(item: pytest.Item) -> None:
    missing = [
        program
        for mark in item.iter_markers("needs")
        for program in mark.args
        if shutil.which(program, path=PROGRAMS) is None
    ]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}, not found on this machine")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    return _refused(report) if STRICT and not hasattr(report, "wasxfail") else report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    return _refused(report) if STRICT else report


def _refused(report: Report) -> Report:
    if report.skipped:
        report.outcome = "failed"
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.longrepr = f"HOLDFAST_TEST_STRICT=1 allows no skip: {reason}"
    return report
