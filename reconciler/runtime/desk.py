"""What one may ask of a node: the verbs behind the API and behind a command without a node alike.

Rules: each ref that somebody names is checked against what they may; every request names who asks; what
would change the world goes through the inbox, an override or a wake, never past the engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NoReturn
from uuid import uuid4

from reconciler.errors import Conflict, Invalid, NotFound, Refused
from reconciler.model import (
    EMPTY,
    SOURCE_KIND,
    JsonValue,
    Override,
    Ref,
    Snapshot,
    source_name,
    source_ref,
)
from reconciler.ports.store import Operation
from reconciler.runtime import present, signed_token
from reconciler.runtime.answers import Answers
from reconciler.runtime.api_keys import ApiKeys
from reconciler.runtime.asker import Asker, Rehearsed, Still, as_it_is
from reconciler.runtime.bundle import INBOX, Bundle
from reconciler.runtime.hooks import Hooks
from reconciler.runtime.inbox_reader import InboxReader
from reconciler.runtime.keyring import Holder
from reconciler.runtime.looking import Looked, look
from reconciler.runtime.parts import Parts
from reconciler.runtime.refusal import Refusal
from reconciler.runtime.tokens import Tokens
from reconciler.runtime.window import Window
from reconciler.sources.history import IN_FORCE

if TYPE_CHECKING:
    from reconciler.views import (
        OperationView,
        OverrideView,
        PreviewView,
    )

WAKE: Final = "reconcile:write"
TIMING: Final = frozenset({"suspend", "hold"})  # fields of a wish that say when it counts, not what it is


class Desk(Window):
    def __init__(self, node: Parts) -> None:
        super().__init__(node)
        self._writing = asyncio.Lock()  # between looking and writing nobody else writes
        self.answers = Answers(node)
        self.inbox_reader = InboxReader(node)
        self.hooks = Hooks(node, self.daemon, self.push)
        self.api_keys = ApiKeys(node, self.apply, self.delete)
        self.tokens = Tokens(node)

    def holder(self, credential: str) -> Holder | Refusal:
        """Who has this secret of a key, or this token, if it counts."""
        now = self._node.clock.now()
        keys = self.tokens if signed_token.is_one(credential) else self._node.keyring
        found = keys.find(credential, now)
        if isinstance(found, Holder):
            self._node.keyring.use(found, now)
        return found

    def counts(self, holder: Holder) -> bool:
        """Does who was let in by this key, or a token for it, still belong in here?"""
        now = self._node.clock.now()
        return self._node.keyring.counts(holder, now) and (
            not holder.session or self.tokens.counts(holder, now)
        )

    async def look(self, bundle: Bundle, *, writes: bool = False) -> Looked:
        """What the same would change, were it applied or written where it is declared. Writes nothing.

        `writes`: on behalf of who is going to; what may only be looked at is refused.
        """
        return await look(self._node, self._rights, bundle, writes=writes)

    async def diff(self, bundle: Bundle) -> PreviewView:
        return (await self.look(bundle)).view()

    async def rehearse(self, bundle: Bundle, looked: Looked | None = None) -> PreviewView:
        """What `apply` of the same would do, refused whenever that would be. Writes nothing."""
        found = looked or await self.look(bundle, writes=True)
        found.refuse_unless_appliable(bundle.expect)
        await self._node.inbox.check(found.batch(bundle))
        return found.view()

    async def apply(self, bundle: Bundle, by: Asker, looked: Looked | None = None) -> OperationView:
        """Put the manifests into the inbox; the loop does the rest. `looked`: at the same, just now."""
        async with self._writing:
            self._refuse_while_unread()
            found = looked or await self.look(bundle, writes=True)
            if by.dry_run:
                raise Rehearsed(await self.rehearse(bundle, found))
            found.refuse_unless_appliable(bundle.expect)
            removed = await self._node.inbox.put(found.batch(bundle))
            await self.inbox_reader.read(found.candidate, found.preview.ready())
        return await self._operated("apply", by, [*found.unpacked.resources, *sorted(removed)])

    async def delete(
        self, refs: Sequence[Ref], by: Asker, *, allow_prune: bool = False, still: Still = as_it_is
    ) -> OperationView:
        """Take wishes out of the inbox; what another source declares is to be taken out there."""
        async with self._writing:
            self._refuse_while_unread()
            still()
            for ref in refs:
                self._rights.need_write(ref)
                self._deletable(ref, frozenset(refs))
            await self._node.inbox.check_delete(refs)
            without = await self._inbox_without(refs, allow_prune=allow_prune)
            preview = await self._node.engine.preview([without], refs)
            if not preview.submission.accepted:
                raise Refused(preview.submission.message)
            if by.dry_run:
                raise Rehearsed(present.of_preview(preview, ()))
            await self._node.inbox.delete(refs, allow_prune=allow_prune)
            await self.inbox_reader.read(await self.inbox_reader.peek())
        return await self._operated("delete", by, refs)

    async def override(
        self, ref: Ref, patch: Mapping[str, JsonValue], by: Asker, reason: str, last: timedelta | None
    ) -> OverrideView:
        """Patch a wish for a while: a suspension, a stop, a hold."""
        self._rights.need(self._overriding(ref, patch), ref)
        now = self._node.clock.now()
        until = now + last if last is not None else None
        override = Override(uuid4().hex[:12], ref, patch, by.actor, reason, now, until)
        async with self._writing:
            if by.dry_run:
                await self._rehearsed([ref], self._node.engine.with_override(override))
            await self._node.engine.override(override)
        await self._operated("override", by, [ref])
        return present.of_override(override)

    async def end_override(self, ref: Ref, by: Asker, still: Still = as_it_is) -> None:
        async with self._writing:
            patch = next((one.patch for one in self._node.engine.overrides if one.ref == ref), EMPTY)
            self._rights.need(self._overriding(ref, patch), ref)
            still()
            if by.dry_run:
                await self._rehearsed([ref], self._node.engine.without_override(ref))
            await self._node.engine.end_override(ref, by.actor)
        await self._operated("end-override", by, [ref])

    async def reconcile(self, refs: Sequence[Ref], by: Asker, *, allow_prune: bool = False) -> OperationView:
        """Look now: fetch the sources among them, begin the tries anew for all.

        `allow_prune`: what these sources declare now may remove much, and what was kept after a lost store.
        """
        for ref in refs:
            self._rights.need(WAKE, ref)
            if allow_prune and ref.kind == SOURCE_KIND:
                self._rights.need_write(ref)
        for ref in refs:
            self._entry(ref)
            if ref.kind == SOURCE_KIND:
                self.source(source_name(ref))
        if by.dry_run:
            await self._rehearsed(refs)
        for ref in refs:
            if ref.kind == SOURCE_KIND:
                self._node.sources.poke(source_name(ref), allow_prune=allow_prune)
            self._node.engine.request(ref)
        return await self._operated("reconcile", by, refs)

    async def push(self, source: str, by: Asker) -> OperationView:
        """Something was pushed there: fetch at once."""
        ref = self.ref(f"{SOURCE_KIND}/{source}")
        self._rights.need(WAKE, ref)
        name = self.source(source)["name"]
        if by.dry_run:
            await self._rehearsed(())
        self._node.sources.poke(name)
        return await self._operated("push", by, [ref])

    async def rollback(self, source: str, revision: str, by: Asker, reason: str) -> OverrideView:
        """Take a source back to an earlier revision, and hold it there."""
        ref = self.ref(f"{SOURCE_KIND}/{source}")
        self._entry(ref)
        kept = await self._node.store.revisions(source, 200)
        applied = [one.revision for one in kept if one.outcome in IN_FORCE]
        chosen = _choose(revision, applied, source)
        return await self.override(ref, {"hold": chosen}, by, reason or f"rollback to {chosen[:12]}", None)

    # ------------------------------------------------------------------------------------------- inside

    def _overriding(self, ref: Ref, patch: Mapping[str, JsonValue]) -> str:
        """The scope that it takes: to say when is less than to say what."""
        return WAKE if patch.keys() <= TIMING else self._node.kinds[ref.kind].writes

    def _refuse_while_unread(self) -> None:
        """What would be written to the inbox now would not be in force."""
        for override in self._node.engine.overrides:
            if override.ref == source_ref(INBOX) and override.patch.keys() & {"hold", "suspend"}:
                raise Conflict(
                    f"{override.ref} is not read: {override.author} has set {dict(override.patch)}"
                    f"{f' ({override.reason})' if override.reason else ''}",
                    remedy=f"take that back first: `holdfast resume {override.ref}`",
                )

    async def _rehearsed(self, refs: Sequence[Ref], overrides: Sequence[Override] | None = None) -> NoReturn:
        """Tell what would be done about these; with these overrides, if they are not as they stand."""
        preview = await self._node.engine.preview((), refs, overrides)
        raise Rehearsed(present.of_preview(preview, ()))

    async def _inbox_without(self, refs: Sequence[Ref], *, allow_prune: bool) -> Snapshot:
        current = self._node.engine.snapshot(INBOX) or await self.inbox_reader.peek()
        left = {ref: one for ref, one in current.resources.items() if ref not in refs}
        return Snapshot(INBOX, "", left, current.problems, allow_prune=allow_prune)

    def _deletable(self, ref: Ref, together: frozenset[Ref]) -> None:
        self._entry(ref)
        want = self._node.engine.book.standing(ref)
        if want is None:
            return
        if want.origin.source != INBOX or want.parent is not None:
            whole = f", as a part of {want.parent}" if want.parent is not None else ""
            raise Conflict(
                f"{ref} is declared {want.origin}{whole}",
                remedy="take it out there; the loop removes it",
            )
        book = self._node.engine.book
        needed = [one for one in book.dependents(ref) if one not in together and book.standing(one)]
        parts = set(book.parts(ref))
        if still := [str(one) for one in needed if one not in parts]:
            raise Conflict(
                f"{ref} is still needed by {', '.join(still)}", remedy="delete those first, or with it"
            )

    async def _operated(self, kind: str, by: Asker, refs: Sequence[Ref]) -> OperationView:
        now = self._node.clock.now()
        names = [str(ref) for ref in refs]
        operation = Operation(f"op-{uuid4().hex[:12]}", kind, by.actor, now, "done", {"refs": names})
        told = {"operation": operation.id, "refs": names}
        await self._node.store.commit(operation, by.event(f"operation.{kind}", now, told))
        return present.of_operation(operation)


def _choose(revision: str, applied: Sequence[str], source: str) -> str:
    """The revision that is meant: by its beginning, or the one before the present one."""
    if not revision:
        if len(applied) < 2:  # noqa: PLR2004 - the present one and one before it
            raise NotFound(
                f"source {source} has no earlier revision", remedy="`holdfast source show` lists them"
            )
        return applied[1]
    found = [one for one in dict.fromkeys(applied) if one.startswith(revision)]
    if len(found) != 1:
        what = "no revision" if not found else "more than one revision"
        raise Invalid(
            f"{what} of source {source} begins with '{revision}'", remedy="`holdfast source show` lists them"
        )
    return found[0]
