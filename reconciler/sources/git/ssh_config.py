"""The `ssh_config` of one fetch: who we are, and whom we take for the remote.

Rules: the host's key is checked against what the source pins, or else what this machine knows; never
learnt on the way. With a key of our own no other is offered, to nobody.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reconciler.errors import Invalid
from reconciler.sources.git.address import Address
from reconciler.sources.git.transport import Login, Patience

_FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_KEY: Final = re.compile(r"(ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}( .*)?")
_STRICT: Final = """\
BatchMode yes
StrictHostKeyChecking yes
UpdateHostKeys no
PreferredAuthentications publickey
ForwardAgent no
ForwardX11 no
ClearAllForwardings yes
PermitLocalCommand no
RequestTTY no
ServerAliveInterval 10
ServerAliveCountMax 3
LogLevel DEBUG1
"""  # DEBUG1 is the level that tells the host's fingerprint


def write_config(folder: Path, address: Address, login: Login, patience: Patience, key: str) -> Path:
    """Write it into this folder, which is nobody else's. `key`: where ssh finds the private key."""
    lines = [_STRICT, f"ConnectTimeout {max(1, round(patience.connect))}"]
    lines.append(f'User "{login.user}"')  # where the address names nobody
    if key:
        lines += [f'IdentityFile "{key}"', "IdentitiesOnly yes", "IdentityAgent none"]
    if login.host_keys:
        known, pins = _sorted(address, login.host_keys)
        (folder / "known_hosts").write_text("".join(f"{line}\n" for line in known))
        lines += [f'UserKnownHostsFile "{_quoted(folder / "known_hosts")}"', "GlobalKnownHostsFile none"]
        if pins:
            script = folder / "pinned"
            # ssh asks it with the fingerprint, name, type and key of the host that has answered.
            script.write_text(f'case "$1" in {"|".join(pins)}) echo "$2 $3 $4";; esac\n')
            lines.append(f'KnownHostsCommand /bin/sh "{_quoted(script)}" %f %H %t %K')
    (folder / "config").write_text("\n".join(lines) + "\n")
    return folder / "config"


def _sorted(address: Address, host_keys: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Lines of known_hosts, and fingerprints."""
    host = address.host if address.port == 22 else f"[{address.host}]:{address.port}"  # noqa: PLR2004 - ssh's own
    known, pins = [], []
    for entry in host_keys:
        if _FINGERPRINT.fullmatch(entry):
            pins.append(entry)
        elif _KEY.fullmatch(entry):
            known.append(f"{host} {entry}")
        elif len(entry.split()) >= 3 and entry.isprintable():  # noqa: PLR2004 - hosts, type, key
            known.append(entry)
        else:
            raise Invalid(
                f"{entry[:80]!r} is no host's key",
                remedy="write `SHA256:…`, `ssh-ed25519 AAAA…`, or a line of a known_hosts file",
            )
    return known, pins


@contextmanager
def in_memory(key: str) -> Iterator[str]:
    """A path under which our own children, and nobody's else, can read this private key."""
    if not key:
        yield ""
        return
    if not hasattr(os, "memfd_create"):
        raise Invalid(
            "this system cannot keep a key off its disk", remedy="load the key into an ssh-agent instead"
        )
    file = os.memfd_create("key", os.MFD_CLOEXEC)
    try:
        os.fchmod(file, 0o600)
        os.write(file, key.replace("\r\n", "\n").strip().encode() + b"\n")
        yield f"/proc/{os.getpid()}/fd/{file}"
    finally:
        os.close(file)


def _quoted(path: Path) -> str:
    return str(path).replace("%", "%%").replace('"', "")
