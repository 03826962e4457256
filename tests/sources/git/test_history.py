"""Which revision is given: branches that go on, tags that stay, rewritten history, the word to prune."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Invalid, Missing, NotFound, Refused
from reconciler.ports.sources import SourceConfig
from reconciler.sources.git.history import Selection, allows_prune
from reconciler.sources.git.transport import cleaned
from tests.sources.git.conftest import FeedMaker
from tests.sources.git.repository import Repository

pytestmark = [pytest.mark.req("CORE-04"), pytest.mark.needs("git")]


async def test_without_a_selection_the_default_branch_is_followed(
    repository: Repository, feed: FeedMaker
) -> None:
    head = repository.commit({"a": "1"})
    repository.git("switch", "-q", "-c", "other")
    repository.commit({"a": "2"})
    repository.git("switch", "-q", "main")
    assert (await feed().latest()).revision == head


async def test_a_default_branch_that_is_not_there(repository: Repository, feed: FeedMaker) -> None:
    repository.commit({"a": "1"})
    repository.git("symbolic-ref", "HEAD", "refs/heads/gone")
    with pytest.raises(NotFound, match="no default branch: there is main"):
        await feed().latest()


@pytest.mark.parametrize("options", [(), ("-a", "-m", "Release")], ids=["light", "annotated"])
async def test_a_tag_stays_where_it_was(
    repository: Repository, feed: FeedMaker, options: tuple[str, ...]
) -> None:
    first = repository.commit({"a": "1"})
    repository.git("tag", *options, "v1")
    follow = feed(tag="v1")
    assert (await follow.latest()).revision == first
    second = repository.commit({"a": "2"})
    assert (await follow.latest(first)).revision == first
    repository.git("tag", "-f", *options, "v1")
    for fresh in (follow, feed(tag="v1")):
        with pytest.raises(Refused, match=f"(?s)tag 'v1' was moved from {first} to {second}.*allowForce"):
            await fresh.latest(first)
    assert (await feed(tag="v1", allow_force=True).latest(first)).revision == second
    assert (await feed(tag="v1").latest(second)).revision == second


async def test_a_tag_of_no_commit(repository: Repository, feed: FeedMaker) -> None:
    repository.commit({"a": "1"})
    repository.git("tag", "odd", repository.hash("a"))
    with pytest.raises(Invalid, match="stands for no commit"):
        await feed(tag="odd").latest()


async def test_a_tag_that_is_not_there(repository: Repository, feed: FeedMaker) -> None:
    repository.commit({"a": "1"})
    repository.git("tag", "v1.0")
    with pytest.raises(NotFound, match=r"no tag 'v1\.1': there is v1\.0"):
        await feed(tag="v1.1").latest()


async def test_a_commit_is_given_whatever_moves(repository: Repository, feed: FeedMaker) -> None:
    repository.commit({"a": "1"})
    repository.git("switch", "-q", "-c", "side")
    wanted = repository.commit({"a": "2"})
    repository.git("switch", "-q", "main")
    newer = repository.commit({"a": "3"})
    follow = feed(commit=wanted)
    assert (await follow.latest()).tree.read("a") == b"2"
    shutil.rmtree(repository.folder)
    assert (await follow.latest(newer)).revision == wanted, "it is here already, so nobody is asked"


async def test_a_commit_that_is_nowhere(repository: Repository, feed: FeedMaker) -> None:
    repository.commit({"a": "1"})
    with pytest.raises(NotFound, match=r"commit '0{40}' is not in the repository"):
        await feed(commit="0" * 40).latest()
    with pytest.raises(NotFound, match="0000000 is not in the repository"):
        await feed().at("0000000")
    with pytest.raises(NotFound):
        await feed().at("main")


@pytest.mark.parametrize(
    "config",
    [
        {"branch": "a", "tag": "b"},
        {"commit": "abc123"},
        {"commit": "HEAD"},
        {"branch": "-x"},
        {"branch": "a..b"},
        {"branch": "a b"},
        {"branch": "a:refs/heads/x"},
        {"tag": "*"},
        {"tag": "x.lock"},
        {"tag": "a\n"},
    ],
)
async def test_a_selection_that_is_none(feed: FeedMaker, config: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="source 'shop': "):
        feed(**config)


@given(st.text(min_size=1, max_size=20))
def test_no_name_reaches_further_than_its_reference(name: str) -> None:
    try:
        selection = Selection.of(SourceConfig("x", "git", "/x", branch=name))
    except Invalid:
        return
    source, _, target = selection.refspecs[0].removeprefix("+").partition(":")
    assert (source, target) == (f"refs/heads/{name}", "refs/holdfast/incoming")


# ------------------------------------------------------------------------------------ history goes forward


async def test_a_branch_that_vanished_leaves_what_is_there(repository: Repository, feed: FeedMaker) -> None:
    head = repository.commit({"a": "1"})
    repository.git("branch", "live")
    follow = feed(branch="live")
    await follow.latest()
    repository.git("branch", "-D", "live")
    with pytest.raises(NotFound, match="no branch 'live': there is main"):
        await follow.latest(head)
    assert (await follow.at(head)).tree.read("a") == b"1"
    assert (await follow.at(head[:8])).revision == head


async def test_an_amended_commit_that_was_never_applied_may_go(
    repository: Repository, feed: FeedMaker
) -> None:
    """Whoever mends a broken commit in place has not rewritten what is in force."""
    applied = repository.commit({"a": "1"})
    follow = feed(branch="main")
    await follow.latest()
    repository.commit({"a": "broken"})
    await follow.latest(applied)
    repository.write({"a": "mended"})
    repository.git("commit", "-q", "-a", "--amend", "--no-edit")
    assert (await follow.latest(applied)).tree.read("a") == b"mended"


async def test_rewritten_history_is_refused_after_a_restart_and_a_lost_mirror(
    repository: Repository, feed: FeedMaker, tmp_path: Path
) -> None:
    repository.commit({"a": "1"})
    applied = repository.commit({"a": "2"})
    await feed(branch="main").latest()
    repository.git("reset", "-q", "--hard", "HEAD~1")
    older = repository.head
    with pytest.raises(Refused, match=f"history was rewritten.*{older}.*{applied}"):
        await feed(branch="main").latest(applied)
    shutil.rmtree(tmp_path / "data")
    with pytest.raises(Refused, match="history was rewritten"):
        await feed(branch="main").latest(applied)


async def test_who_names_another_branch_is_not_held_to_the_first(
    repository: Repository, feed: FeedMaker
) -> None:
    base = repository.commit({"a": "1"})
    repository.git("branch", "stable")
    on_main = repository.commit({"a": "2"})
    assert (await feed(branch="main").latest()).revision == on_main
    assert (await feed(branch="stable").latest(on_main)).revision == base
    repository.git("switch", "-q", "stable")
    on_stable = repository.commit({"a": "3"})
    assert (await feed(branch="stable").latest(base)).revision == on_stable
    # And back. But a branch that was followed before may not have lost history meanwhile.
    assert (await feed(branch="main").latest(on_stable)).revision == on_main
    repository.git("switch", "-q", "-C", "main", base)
    repository.commit({"a": "4"})
    with pytest.raises(Refused, match=f"does not go on from {on_main}"):
        await feed(branch="main").latest(on_stable)


async def test_unrelated_history_at_the_same_address_is_refused(
    repository: Repository, feed: FeedMaker
) -> None:
    applied = repository.commit({"a": "1"})
    await feed(branch="main").latest()
    repository.git("switch", "-q", "--orphan", "new")
    repository.commit({"b": "1"}, "Unrelated")
    repository.git("branch", "-M", "new", "main")
    with pytest.raises(Refused, match="history was rewritten"):
        await feed(branch="main").latest(applied)


async def test_a_moved_repository_with_the_same_history_goes_on(
    repository: Repository, feed: FeedMaker, tmp_path: Path
) -> None:
    applied = repository.commit({"a": "1"})
    exported = (await feed(branch="main").latest()).tree.folder(".")
    repository.git("clone", "-q", "--bare", ".", str(tmp_path / "moved.git"))
    moved = feed(branch="main", location=str(tmp_path / "moved.git"))
    fetched = await moved.latest(applied)
    assert fetched.revision == applied
    assert fetched.tree.folder(".") == exported, "what runs there is not moved"
    assert len(list((tmp_path / "data/git").glob("*/mirror-*"))) == 1


# --------------------------------------------------------------------------------------- the word to prune


async def test_the_word_counts_in_any_new_commit_and_in_no_old_one(
    repository: Repository, feed: FeedMaker
) -> None:
    word = "Remove the old shop\n\nIt moved.\n\nHoldfast-Allow-Prune: yes\nSigned-off-by: Ada"
    first = repository.commit({"a": "1"}, word)
    follow = feed()
    assert (await follow.latest()).allow_prune, "of a source that is new, the head speaks"
    second = repository.commit({"a": "2"})
    assert not (await follow.latest(first)).allow_prune
    assert (await feed(name="later").latest()).allow_prune is False
    third = repository.commit({"a": "3"}, word)
    repository.commit({"a": "4"})
    assert (await follow.latest(second)).allow_prune, "a commit on top does not take the word back"
    assert not (await follow.latest(third)).allow_prune
    assert not (await follow.at(third)).allow_prune, "who goes back says it anew"
    base = repository.head
    repository.git("switch", "-q", "-c", "side")
    repository.commit({"b": "1"}, word)
    repository.git("switch", "-q", "main")
    repository.commit({"a": "5"})
    repository.git("merge", "-q", "--no-ff", "-m", "Merge", "side")
    assert (await follow.latest(base)).allow_prune, "it came with the merge"


@pytest.mark.parametrize(
    ("message", "allowed"),
    [
        ("Title\n\nHoldfast-Allow-Prune: yes", True),
        ("Title\n\nBody\n\nholdfast-allow-prune:YES  \n", True),
        ("Title\r\n\r\nHoldfast-Allow-Prune: yes\r\nReviewed-by: B\r\n", True),
        ("Title\n\nHoldfast-Allow-Prune: no", False),
        ("Title\n\nHoldfast-Allow-Prune: yes please", False),
        ("Holdfast-Allow-Prune: yes", False),
        ("Title\n\nHoldfast-Allow-Prune: yes\n\nAn afterthought", False),
        ("Title\n\nWe say 'Holdfast-Allow-Prune: yes' there", False),
        ("Title\n\nHoldfast-Allow-Prune: yes\nHoldfast-Allow-Prune: no", False),
        ("", False),
    ],
)
def test_the_word_is_a_trailer(message: str, allowed: bool) -> None:
    assert allows_prune([message]) is allowed


@given(st.text())
def test_no_message_breaks_the_reading(message: str) -> None:
    assert allows_prune([message]) in {True, False}


# ------------------------------------------------------------------------------------- what others have said


async def test_what_a_commit_says_is_shown_without_tricks(repository: Repository, feed: FeedMaker) -> None:
    repository.commit({"a": "1"})
    who = "Eve\x1b[2J\u202etxt <eve@example.org> 1577840000 +0000"
    text = b"Title\x1b]0;owned\x07\n\n\xff\xfeb" + b"x" * 10_000
    raw = f"tree {repository.git('write-tree')}\nauthor {who}\ncommitter {who}\n\n".encode() + text
    made = repository.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=raw)
    repository.git("reset", "-q", "--hard", made)
    fetched = await feed().latest()
    assert fetched.message.startswith("Title]0;owned\n\n\ufffd\ufffdbxxx")
    assert len(fetched.message) == 4097
    assert fetched.author == "Eve[2Jtxt <eve@example.org>"


@given(st.text())
def test_text_of_others_is_cleaned_and_cut(text: str) -> None:
    shown = cleaned(text, 50)
    assert len(shown) <= 51
    assert all(char == "\n" or char.isprintable() or char.isspace() for char in shown)
    assert cleaned(shown, 51) == shown


async def test_a_path_that_went_away_is_an_error(repository: Repository, feed: FeedMaker) -> None:
    first = repository.commit({"apps/a": "1", "b": "2"})
    follow = feed(paths=("apps",))
    assert set((await follow.latest()).paths) == {"apps/a"}
    repository.commit({"apps/a": None})
    with pytest.raises(Missing, match=r"'apps' is not in the repository(?s:.*)at the top are: b"):
        await follow.latest(first)
    repository.commit({"apps/new": "3"})
    assert set((await follow.latest(first)).paths) == {"apps/new"}
