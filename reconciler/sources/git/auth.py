"""Who we are to a remote: from the references in a source's `auth` to the values, for one fetch.

Rules: what is resolved lives as long as the fetch; nothing here is written, logged or put into an error.
A token never goes over a connection that others can read along.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from reconciler.errors import Invalid, Missing, Refused
from reconciler.model import JsonValue, Ref
from reconciler.ports.keys import Keys
from reconciler.ports.secrets import Secrets
from reconciler.records import dataclass
from reconciler.sources.git.address import Address, Way, user_name
from reconciler.sources.git.transport import Login

ROLE: Final = "ssh"


class SecretKey(BaseModel):
    """One value of a Secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret: str
    key: str


class Auth(BaseModel):
    """What `auth` of a git source may hold."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )

    username: str = ""
    token: SecretKey | None = None
    private_key: SecretKey | None = None
    key: str = ""
    host_keys: tuple[str, ...] = ()

    @classmethod
    def read(cls, auth: Mapping[str, JsonValue]) -> Auth:
        try:
            return cls.model_validate(dict(auth))
        except ValidationError as error:
            where = ".".join(map(str, error.errors()[0]["loc"]))
            raise Invalid(f"auth.{where}: {error.errors()[0]['msg']}") from None


@dataclass(frozen=True, slots=True)
class Access:
    """Where secrets and keys are had from."""

    secrets: Secrets
    keys: Keys


async def login(auth: Auth, address: Address, namespace: str, access: Access) -> Login:
    """Resolve what this address needs, and nothing else."""
    if address.way is Way.HTTP and auth.token is not None:
        if not address.private:
            raise Refused(
                f"a token sent to {address.url} could be read by all on the way", remedy="fetch over https"
            )
        value = access.secrets.resolve(Ref("Secret", namespace, auth.token.secret), auth.token.key).strip()
        if not value.isprintable():
            raise Invalid(f"the token in secret '{auth.token.secret}' holds control characters")
        return Login(user=user_name(auth.username) or address.user, token=value)
    if address.way is Way.SSH:
        private = ""
        if auth.private_key is not None:
            private = access.secrets.resolve(
                Ref("Secret", namespace, auth.private_key.secret), auth.private_key.key
            )
        elif auth.key:
            private = await _of_keystore(Ref("Key", namespace, auth.key), access.keys)
        return Login(user=user_name(auth.username) or "git", key=private, host_keys=auth.host_keys)
    return Login()


async def _of_keystore(key: Ref, keys: Keys) -> str:
    known = keys.get(key)
    if known is None:
        raise Missing(f"{key}, which opens the repository, is not there", remedy="declare it as a Key")
    if known.role != ROLE:
        raise Refused(f"{key} has the role '{known.role}', and opens nothing", remedy=f"give it '{ROLE}'")
    return await keys.private(key)
