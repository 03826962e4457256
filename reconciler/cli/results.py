"""What `-o json` prints where it is not just what the API answers.

Rules: as the views of the API; within a major version a member may be added, and none goes or changes its
meaning.
"""

from __future__ import annotations

from typing import Any, TypedDict

from reconciler.views import (
    CauseView,
    LogLineView,
    OperationView,
    PlannedView,
    PreviewView,
    ResourceView,
    RevisionView,
    SourceView,
    StatusView,
)


class MisplacedResult(TypedDict):
    """An error in a manifest."""

    place: str  # `file:line:column`, the file as it was named
    field: str  # its path in the manifest; empty: no field
    message: str  # what is wrong there
    suggestion: str  # what to do about it


class ValidateResult(TypedDict):
    """What manifests declare, or what is wrong with them."""

    resources: list[str]  # the refs that are declared; where there are errors: none
    errors: list[MisplacedResult]  # all of them


class ApplyResult(TypedDict):
    """What differed, and what came of it."""

    preview: PreviewView  # what differed before
    operation: OperationView | None  # null: it was only looked, or not agreed to
    statuses: list[StatusView]  # as they were last, if it was waited for; else none


class DescribeResult(ResourceView):
    """A resource as `get -o json` shows it, and what is known around it."""

    plans: list[PlannedView]  # what was done about it lately, the latest first
    causes: list[CauseView]  # why it is not ready, beginning with itself


class ExplainResult(TypedDict):
    """Why a resource is not ready."""

    ref: str  # which resource
    ready: bool  # it is as it is wanted, and does its work
    reason: str  # of the condition Ready
    message: str  # of the condition Ready
    causes: list[CauseView]  # why it is not ready, beginning with itself


class MemberResult(TypedDict):
    """A field of a field."""

    name: str  # of the field
    type: str  # what it takes
    required: bool  # it must be there
    description: str  # the first sentence of its documentation


class FieldResult(TypedDict):
    """The documentation of a field."""

    path: str  # beginning with its kind
    type: str  # what it takes
    default: Any  # null: none
    description: str  # what it is for
    fields: list[MemberResult]  # what it is made of


class KindResult(TypedDict):
    """A kind that manifests may be of."""

    name: str  # of the kind
    description: str  # the first sentence of its documentation


class BehindResult(TypedDict):
    """Something that is not as it was waited for."""

    ref: str  # what was waited for, as it was named
    reason: str  # why it is not so, in one word
    message: str  # the same for people


class WaitResult(TypedDict):
    """How a wait has ended."""

    state: str  # Ready, Stalled or Gone
    reached: bool  # all are so
    behind: list[BehindResult]  # what is not, and why


class SourceResult(SourceView):
    """A source, and what it can go back to."""

    revisions: list[RevisionView]  # that are kept, the latest first


class RefResult(TypedDict):
    """The resource that was meant."""

    ref: str  # of the resource


class KeyResult(TypedDict):
    """The public half of a key."""

    ref: str  # of the key
    openssh: str  # as in `authorized_keys`
    fingerprint: str  # `ed25519:` and hex digits


class VersionResult(TypedDict):
    """Which Holdfast this is."""

    version: str  # of Holdfast


class CheckResult(TypedDict):
    """What a look at one thing has come to."""

    check: str  # what was looked at
    state: str  # ok | warning | failed
    message: str  # what was found
    remedy: str  # what to do about it; empty: nothing


class DoctorResult(TypedDict):
    """How fit the machine and its node are."""

    status: str  # the worst state of all checks
    checks: list[CheckResult]  # in their order


class ChainResult(TypedDict):
    """What the walk along the log has come to."""

    events: int  # how many were walked past
    unchained: int  # of them, from before there was a chain
    first: int  # the id of the first
    head: str  # of the chain, to be noted elsewhere
    faults: list[str]  # where it is not as it was written; the first is where it broke


class LogLineResult(LogLineView):
    """A line that a service has printed."""

    ref: str  # of the service


class InitResult(TypedDict):
    """What `init` has written."""

    wrote: str  # the manifest


class DownResult(TypedDict):
    """What has been stopped."""

    node: bool  # false: none ran
    services: bool  # false: they go on


class IdentityResult(TypedDict):
    """Whom to encrypt to, so that this node can read it."""

    recipient: str  # `age1…`


class ForgottenResult(TypedDict):
    """What is gone for good."""

    dropped: int  # how many earlier identities


class ReencryptedResult(TypedDict):
    """A manifest whose values were encrypted anew."""

    file: str  # as it was named
    values: int  # how many


class ValueResult(TypedDict):
    """A value that was encrypted."""

    value: str  # the value
    encoding: str  # `utf-8`; or `base64`, where it is no text


class TextResult(TypedDict):
    """What is printed as it is else: a script for a shell, a ciphertext, a manifest, a backup."""

    text: str  # all of it


class UnitResult(TypedDict):
    """A unit for systemd."""

    unit: str  # its text
    path: str  # where it was written; empty: nowhere
