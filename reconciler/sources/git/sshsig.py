"""SSH signatures as git makes them: read the SSHSIG block of a commit, and check it against its own key.

Rules: this proves who signed, not that he may. Only the namespace `git` counts, so that a signature made
for a file or a login signs no commit. SHA-1, DSA, and RSA below 2048 bits are refused.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from reconciler.errors import Refused
from reconciler.records import dataclass

BEGIN: Final = b"-----BEGIN SSH SIGNATURE-----"
END: Final = b"-----END SSH SIGNATURE-----"
MAGIC: Final = b"SSHSIG"
NAMESPACE: Final = b"git"
MIN_RSA: Final = 2048

_DIGESTS: Final = {b"sha256": hashlib.sha256, b"sha512": hashlib.sha512}
_RSA: Final = {b"rsa-sha2-256": hashes.SHA256(), b"rsa-sha2-512": hashes.SHA512()}
_CURVES: Final = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
_TYPES: Final = (
    b"ssh-ed25519",
    b"ssh-rsa",
    b"ecdsa-sha2-nistp256",
    b"ecdsa-sha2-nistp384",
    b"ecdsa-sha2-nistp521",
)


@dataclass(frozen=True, slots=True)
class SshSignature:
    """What an SSHSIG block holds."""

    key: bytes  # the public key as ssh sends it
    reserved: bytes
    digest: bytes
    algorithm: bytes
    signature: bytes

    @classmethod
    def read(cls, armoured: bytes) -> SshSignature:
        """Read the block; whatever is wrong with it is a refusal."""
        body = armoured.strip()
        if not body.startswith(BEGIN) or not body.endswith(END):
            raise Refused("it is no SSH signature")
        try:
            blob = b64decode(b"".join(body[len(BEGIN) : -len(END)].split()), validate=True)
        except ValueError as error:
            raise Refused("its signature is no base64") from error
        wire = Wire(blob)
        if wire.take(len(MAGIC)) != MAGIC or wire.number() != 1:
            raise Refused("its signature is of a kind that is not known")
        key, namespace, reserved, digest = wire.text(), wire.text(), wire.text(), wire.text()
        inner = Wire(wire.text())
        found = cls(key, reserved, digest, inner.text(), inner.text())
        if namespace != NAMESPACE:
            raise Refused(
                "its signature was made for something else than git", remedy="sign with `git commit -S`"
            )
        if wire.left or digest not in _DIGESTS:
            raise Refused("its signature is of a kind that is not known")
        return found

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.key)

    def check(self, message: bytes) -> None:
        """Refuse unless the holder of the key has signed exactly this."""
        digest = _DIGESTS[self.digest](message).digest()
        signed = MAGIC + b"".join(map(text, (NAMESPACE, self.reserved, self.digest, digest)))
        kind = Wire(self.key).text()
        if kind not in _TYPES:
            raise Refused(f"its signature is by a key of a type that is not supported: {kind[:40]!r}")
        try:
            public = load_ssh_public_key(kind + b" " + b64encode(self.key))
            self._verify(public, signed)
        except InvalidSignature as error:
            raise Refused(f"its signature by {self.fingerprint} does not fit its content") from error
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Refused("its signature holds no valid public key") from error

    def _verify(self, public: object, signed: bytes) -> None:
        match public:
            case Ed25519PublicKey() if self.algorithm == b"ssh-ed25519":
                public.verify(self.signature, signed)
            case RSAPublicKey() if self.algorithm in _RSA and public.key_size >= MIN_RSA:
                public.verify(self.signature, signed, padding.PKCS1v15(), _RSA[self.algorithm])
            case ec.EllipticCurvePublicKey() if (
                self.algorithm == b"ecdsa-sha2-nistp%d" % public.curve.key_size
            ):
                wire = Wire(self.signature)
                r, s = (int.from_bytes(wire.text(), "big") for _ in range(2))
                public.verify(encode_dss_signature(r, s), signed, ec.ECDSA(_CURVES[public.curve.key_size]))
            case _:
                raise Refused(f"its signature is too weak, or not its key's: {self.algorithm[:40]!r}")


class Wire:
    """Ssh's way to write numbers and texts one after another."""

    def __init__(self, left: bytes) -> None:
        self.left = left

    def take(self, size: int) -> bytes:
        if size > len(self.left):
            raise Refused("its signature is cut off")
        taken, self.left = self.left[:size], self.left[size:]
        return taken

    def number(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def text(self) -> bytes:
        return self.take(self.number())


def text(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def fingerprint(key: bytes) -> str:
    return "SHA256:" + b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
