"""Who we are to which cluster: the only import of kopf, which knows kubeconfigs and service accounts.

Rules: a kubeconfig that is named by KUBECONFIG wins; then the pod's service account, then `~/.kube/config`.
No error quotes what stands in one.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import kopf
from yaml import MarkedYAMLError

from reconciler.errors import Invalid, Missing, Problem
from reconciler.sources.cluster.login_program import printed_credentials

REMEDY = "run it in a pod with a service account, or name a kubeconfig by KUBECONFIG"


@dataclass(frozen=True, slots=True)
class Login:
    """How to reach the API server, and as whom."""

    server: str
    namespace: str  # our own in a pod, else the context's
    headers: Mapping[str, str] = field(repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)  # None: plain HTTP


def login() -> Login:
    """Read the credentials anew: a service account's token changes while the pod lives."""
    ways: list[Callable[..., kopf.ConnectionInfo | None]] = [kopf.login_with_service_account, _by_kubeconfig]
    if os.environ.get("KUBECONFIG"):
        ways.reverse()
    settings = kopf.OperatorSettings()
    try:
        info = next(filter(None, (way(settings=settings) for way in ways)), None)
        if info is None or not info.server:
            raise Missing("there is no cluster to be an operator of", remedy=REMEDY)
        tls = info.as_ssl_context() if info.server.startswith("https://") else None
    except Problem:
        raise
    except Exception as error:  # noqa: BLE001 - a kubeconfig is a file that people write: anything may be wrong with it
        raise Invalid(f"the kubeconfig cannot be used: {_told(error)}", remedy=REMEDY) from None
    return Login(info.server.rstrip("/"), info.default_namespace or "default", info.as_http_headers(), tls)


def _by_kubeconfig(settings: kopf.OperatorSettings) -> kopf.ConnectionInfo | None:
    info = kopf.login_with_kubeconfig(settings=settings)
    if info is None:
        return None
    printed = printed_credentials()
    return replace(
        info,
        token=printed.get("token", info.token),
        certificate_data=printed.get("clientCertificateData", info.certificate_data),
        private_key_data=printed.get("clientKeyData", info.private_key_data),
    )


def _told(error: Exception) -> str:
    """A YAML error would quote the line, in which a token may stand."""
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return f"{type(error).__name__}: {error}"
