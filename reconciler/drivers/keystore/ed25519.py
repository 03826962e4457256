"""Ed25519 pairs. A private key is a seed of 32 bytes, and all else follows from it.

Rules: cryptography is imported where it is used, since it takes 80 ms; no error repeats what was to
be read, which may be a private key.
"""

from __future__ import annotations

from reconciler.errors import Invalid

SEED_BYTES = 32


def public_of(seed: bytes) -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw().hex()


def sign(seed: bytes, message: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def read(content: bytes) -> bytes:
    """The 32 bytes of an ed25519 private key as OpenSSH or OpenSSL writes it."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

    load = load_ssh_private_key if b"BEGIN OPENSSH" in content else load_pem_private_key
    try:
        private = load(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None  # whatever it says may quote the key
    if not isinstance(private, Ed25519PrivateKey):
        raise Invalid(
            "this is no ed25519 private key, or it has a passphrase",
            remedy="give the file of `ssh-keygen -t ed25519`; `ssh-keygen -p` takes a passphrase off",
        )
    return private.private_bytes_raw()


def openssh(seed: bytes) -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.from_private_bytes(seed)
    form = serialization.PrivateFormat.OpenSSH
    return private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
