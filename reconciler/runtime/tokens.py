"""Tokens for API keys: a short-lived one to ask with, and one to get the next pair with.

Rules: a token is worth what its key is worth at this moment, and nothing from the moment on that the key or
the session ends; tokens give no tokens but by the one that is made for it; one to ask with and one to refresh
with are never taken for each other.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, Final

from reconciler.errors import Invalid, Refused, Unauthorized
from reconciler.records import dataclass
from reconciler.runtime import present, signed_token
from reconciler.runtime.asker import Asker, Rehearsed
from reconciler.runtime.keyring import Holder
from reconciler.runtime.parts import Parts
from reconciler.runtime.refusal import Refusal
from reconciler.runtime.sessions import Session, Sessions
from reconciler.runtime.token_keys import TokenKeys

if TYPE_CHECKING:
    from reconciler.views import TokenView

ACCESS: Final = "at+jwt"
REFRESH: Final = "rt+jwt"
AUDIENCE: Final = "holdfast-api"
EXCHANGE: Final = "exchange an API key anew: `POST /api/v1/auth/token`"


@dataclass(frozen=True, slots=True)
class _Claimed:
    session: str
    turn: int
    until: datetime


class Tokens:
    def __init__(self, node: Parts) -> None:
        self._node = node
        self._keys = TokenKeys(node.drivers.keystore.token_keys)
        self._verified = signed_token.Verified()

    @cached_property
    def _sessions(self) -> Sessions:
        return Sessions(self._node.store, self._node.notes)

    # ----------------------------------------------------------------------------------- given and taken

    async def issue(self, holder: Holder, by: Asker) -> TokenView:
        """The first pair of a new session."""
        if holder.session:
            raise Refused("a token is not exchanged for tokens", remedy="send the API key itself")
        if by.dry_run:
            raise Rehearsed(present.of_nothing("a session would begin, and its tokens be told"))
        now = self._node.clock.now()
        until = now + self._refresh_lasts
        session = Session(token_urlsafe(16), holder.actor, holder.hash, 0, until)
        told = by.event("session.begun", now, {"session": session.id, "key": session.key})
        await self._sessions.begin(session, now, told)
        return await self._pair(session, now)

    async def refresh(self, text: str, by: Asker) -> TokenView:
        """The next pair; the refresh token that it was got with is spent."""
        now = self._node.clock.now()
        claimed = self._claimed(text, REFRESH, now)
        session = self._sessions.get(claimed.session, now) if isinstance(claimed, _Claimed) else None
        if session is None or isinstance(claimed, Refusal):
            raise Unauthorized("this refresh token does not count (any more)", remedy=EXCHANGE)
        if by.dry_run:
            raise Rehearsed(present.of_nothing("the next tokens would be told"))
        by = by._replace(actor=session.key)
        if isinstance(self._node.keyring.of_hash(session.hash, now), Refusal):
            await self._end(session.id, "session.ended", by, "its API key counts no more")
            raise Unauthorized("the API key behind this token counts no more", remedy=EXCHANGE)
        renewed = await self._sessions.renew(session.id, claimed.turn, now + self._refresh_lasts)
        if renewed is None:
            await self._end(session.id, "session.misused", by, "a refresh token came twice")
            raise Unauthorized("this refresh token was used before: its session has ended", remedy=EXCHANGE)
        return await self._pair(renewed, now)

    async def log_out(self, holder: Holder | None, by: Asker) -> None:
        """The end of the session that somebody asks in."""
        if holder is None or not holder.session:
            raise Invalid("only who asks with a token has a session to end", remedy="send it as a bearer")
        if by.dry_run:
            raise Rehearsed(present.of_nothing("the session would end"))
        await self._end(holder.session, "session.ended", by, "logged out")

    # -------------------------------------------------------------------------------------- who has one

    def find(self, text: str, now: datetime) -> Holder | Refusal:
        """Whoever has this token, as the holder of the key behind it."""
        claimed = self._claimed(text, ACCESS, now)
        if isinstance(claimed, Refusal):
            return claimed
        session = self._sessions.get(claimed.session, now)
        if session is None:
            return Refusal.ENDED
        found = self._node.keyring.of_hash(session.hash, now)
        if isinstance(found, Refusal):
            return found
        return replace(found, session=session.id, until=claimed.until)

    def counts(self, holder: Holder, now: datetime) -> bool:
        """Does the token that let somebody in still count? Its key is asked for elsewhere."""
        return (
            holder.until is not None
            and now < holder.until
            and self._sessions.get(holder.session, now) is not None
        )

    def published(self) -> list[dict[str, str]]:
        """The keys that others may verify with."""
        return self._keys.published()

    # ------------------------------------------------------------------------------------------- inside

    @property
    def _refresh_lasts(self) -> timedelta:
        return timedelta(days=self._node.settings.tokens.refresh_days)

    @property
    def _issuer(self) -> str:
        return f"urn:holdfast:node:{self._node.node_id}"

    async def _pair(self, session: Session, now: datetime) -> TokenView:
        wanted = self._node.settings.tokens
        until = min(now + timedelta(hours=wanted.access_hours), session.until)
        key = await self._keys.to_sign(now, timedelta(days=wanted.key_days), self._refresh_lasts)
        common: dict[str, Any] = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": session.key,
            "client_id": session.key,
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "sid": session.id,
            "turn": session.turn,
        }
        access, refresh = (
            signed_token.write(
                kind, {**common, "exp": int(end.timestamp()), "jti": token_urlsafe(12)}, key.id, key.pair
            )
            for kind, end in ((ACCESS, until), (REFRESH, session.until))
        )
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": int((until - now).total_seconds()),
            "refresh_token": refresh,
            "refresh_expires_in": int((session.until - now).total_seconds()),
        }

    def _claimed(self, text: str, type: str, now: datetime) -> _Claimed | Refusal:
        claims = self._verified.read(text, type, self._keys.to_verify())
        if isinstance(claims, Refusal):
            return claims
        if claims["iss"] != self._issuer or claims["aud"] != AUDIENCE:
            return Refusal.FOREIGN
        until = datetime.fromtimestamp(claims["exp"], UTC)
        if now >= until:
            return Refusal.EXPIRED
        if now < datetime.fromtimestamp(claims["nbf"], UTC):
            return Refusal.EARLY
        return _Claimed(claims["sid"], claims["turn"], until)

    async def _end(self, session: str, name: str, by: Asker, why: str) -> None:
        told = by.event(name, self._node.clock.now(), {"session": session, "reason": why})
        await self._sessions.end(session, told)
