"""What the API shows who asks over TLS: read as a node would, without one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from reconciler.cli.doctor.finding import Finding, failed, ok, warning
from reconciler.errors import Problem
from reconciler.settings import Api

CHECK = "certificate"


def certificate(settings: Api) -> Iterator[Finding]:
    if not (settings.enabled and (settings.tls_certificate or settings.tls_key)):
        return
    from reconciler.runtime.certificate import Certificate

    try:
        found = Certificate(settings)
    except Problem as problem:
        yield failed(CHECK, problem.message, problem.remedy)
        return
    now = datetime.now(UTC)
    try:
        found.refuse_ending(now)
    except Problem as problem:
        told = failed if found.ends <= now else warning
        yield told(CHECK, problem.message, problem.remedy)
        return
    yield ok(CHECK, f"{settings.tls_certificate}, until {found.ends:%Y-%m-%d}")
