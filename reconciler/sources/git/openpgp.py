"""OpenPGP signatures, checked by `gpgv` against one keyring and nothing else of the machine.

Rules: `gpgv` ends well for expired and revoked keys too, so what it says in its status lines decides:
exactly one signature, good, and by a key in force. Who that key belongs to is shown as the keyring says.
"""

from __future__ import annotations

import subprocess
import tempfile
from base64 import b64decode
from pathlib import Path
from typing import Final

from reconciler.errors import Failed, Invalid, Missing, Refused

BEGIN: Final = b"-----BEGIN PGP SIGNATURE-----"
TIMEOUT_S: Final = 10

_ARMOUR: Final = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"
_WORDS: Final = {
    "EXPSIG": "it has expired",
    "EXPKEYSIG": "its key has expired",
    "REVKEYSIG": "its key was revoked",
    "BADSIG": "it does not fit its content",
    "ERRSIG": "its key is not in the keyring, or of no supported type",
}


def check_openpgp(signature: bytes, payload: bytes, keyring: bytes) -> str:
    """The one who signed: fingerprint and name. Anything but one good signature is refused."""
    with tempfile.TemporaryDirectory(prefix="holdfast-gpgv-") as scratch:
        folder = Path(scratch)
        (folder / "keyring").write_bytes(_binary(keyring))
        (folder / "signature").write_bytes(signature)
        command = ["gpgv", "--homedir", scratch, "--keyring", str(folder / "keyring"), "--status-fd", "1"]
        try:
            done = subprocess.run(
                [*command, str(folder / "signature"), "-"],
                input=payload,
                capture_output=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        except FileNotFoundError as error:
            raise Missing("OpenPGP signatures are checked by `gpgv`", remedy="install gpgv") from error
        except subprocess.TimeoutExpired as error:
            raise Failed(f"gpgv did not answer within {TIMEOUT_S} s") from error
    return _judged([line.split() for line in done.stdout.decode("utf-8", "replace").splitlines()])


def _judged(lines: list[list[str]]) -> str:
    said = {line[1]: line[2:] for line in lines if len(line) > 1 and line[0] == "[GNUPG:]"}
    for word, reason in _WORDS.items():
        if word in said:
            raise Refused(f"its signature does not count: {reason}")
    if [line[1] for line in lines if len(line) > 1].count("NEWSIG") != 1:
        raise Refused("it bears no signature, or more than one")
    if "GOODSIG" not in said or "VALIDSIG" not in said:
        raise Refused("its signature is not good")
    return f"{said['VALIDSIG'][0]} {' '.join(said['GOODSIG'][1:])}"


def _binary(keyring: bytes) -> bytes:
    """Gpgv reads binary keyrings only; people export armoured ones."""
    if _ARMOUR not in keyring:
        return keyring
    found = b""
    for block in keyring.replace(b"\r\n", b"\n").split(_ARMOUR)[1:]:
        _, _, body = block.partition(b"\n\n")  # after the headers
        lines = []
        for line in body.splitlines():
            if line.startswith((b"=", b"-----END")):
                break
            lines.append(line)
        try:
            found += b64decode(b"".join(lines), validate=True)
        except ValueError as error:
            raise Invalid("the keyring's armour is damaged", remedy="export it again") from error
    return found
