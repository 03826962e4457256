"""What becomes of commits on a real node: taken, held, refused, gone back to, and why."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.node.committed import NAME, committed
from tests.node.running import key, processes, service, until
from tests.sources.git.sshd import keygen
from tests.sources.git.test_signatures import public, sign_by_ssh

pytestmark = [
    pytest.mark.needs("git"),
    pytest.mark.req("CORE-01", "CORE-04", "TST-47"),
]


def keys(*names: str) -> str:
    return "---\n".join(map(key, names))


def test_a_broken_commit_waits_as_a_whole_and_the_last_good_one_goes_on() -> None:
    with committed({"a.yaml": keys("one", "two")}) as scene:
        node = scene.node
        until(lambda: node.has({"key/one", "key/two"}), "the first commit")
        good = scene.repository.head
        bad = scene.commit(
            {
                "a.yaml": keys("one"),
                "b.yaml": keys("new") + "---\nkind: [",
                "c.yaml": key("c").replace("Key", "Kea"),
            }
        )
        state = scene.state(held="Invalid", seen_revision=bad)
        assert state["revision"] == good
        problems = "\n".join(map(str, state["problems"]))  # type: ignore[call-overload]
        assert "b.yaml:7:" in problems
        assert "c.yaml:2:" in problems, "one broken file hides no other"
        assert node.has({"key/one", "key/two"}), "nothing of it is in force: neither what goes nor what comes"
        assert "c.yaml:2:" in node.command("source", "show", NAME).stdout
        assert "Invalid" in node.command("explain", f"source/{NAME}").stdout

        assert node.stop() == 0
        node.start()
        scene.state(held="Invalid", revision=good)
        until(lambda: node.has({"key/one", "key/two"}), "a restart changes nothing of that")

        scene.commit({"b.yaml": keys("new"), "c.yaml": None})
        until(lambda: node.has({"key/one", "key/new"}), "the mended commit")
        scene.state(held="")


@pytest.mark.parametrize("allowed_by", ["trailer", "command"])
def test_a_commit_that_takes_more_than_half_waits_until_it_is_allowed(allowed_by: str) -> None:
    names = [f"k{number}" for number in range(9)]
    everything = {f"key/{name}" for name in names}
    with committed({"a.yaml": keys(*names)}) as scene:
        node = scene.node
        until(lambda: node.has(everything), "all are made")
        scene.commit({"a.yaml": keys("k0")})
        state = scene.state(held="PruneBudget")
        # The sources count too: the inbox, the root, and the repository.
        assert "it would remove 8 of 12 resources, more than half" in str(state["problems"])
        assert "Holdfast-Allow-Prune: yes" in str(state["problems"])
        assert node.has(everything), "nothing of it has gone"
        if allowed_by == "trailer":
            scene.commit({}, "They are not needed any more\n\nHoldfast-Allow-Prune: yes")
        else:
            assert node.command("reconcile", f"source/{NAME}", "--allow-prune").returncode == 0
        until(lambda: node.has({"key/k0"}), "what was allowed is done")

        scene.commit({"a.yaml": keys("k0", *(f"n{number}" for number in range(9)))})
        until(lambda: len(node.resources()) == 13, "more again")
        scene.commit({"a.yaml": keys("k0")})
        scene.state(held="PruneBudget")


def test_a_commit_that_does_not_come_up_goes_back_by_itself() -> None:
    marker = f"mark-{uuid4().hex}"
    sick = {"command": ["false"], "interval": "200ms", "startPeriod": "0s", "retries": 1}
    with committed({"a.yaml": service("web", marker)}, onFailure="rollback") as scene:
        node = scene.node
        until(lambda: node.has({"service/web"}), "the first commit")
        good = scene.repository.head
        until(lambda: _outcome(scene.node.ask(f"/sources/{NAME}/revisions"), good) == "ready", "it is judged")

        # Hasty from here on, and only for the bad one: nobody knows how soon a good one comes up here.
        scene.declare(onFailure="rollback", progressDeadline="1s")
        until(lambda: "1s" in str(node.resources()[f"source/{NAME}"]["spec"]), "it is read")
        bad = scene.commit({"a.yaml": service("web", marker, health=sick), "b.yaml": key("besides")})
        state = scene.state(held="RolledBack", seen_revision=bad)
        assert state["revision"] == good
        until(lambda: node.has({"service/web"}), "all is as it was, and what came along is gone")
        revisions = node.ask(f"/sources/{NAME}/revisions")
        assert _outcome(revisions, bad) == "rolled-back"
        assert "service/web" in next(one["message"] for one in revisions if one["revision"] == bad)

        node.push(NAME)
        assert node.stop() == 0
        node.start()
        scene.state(held="RolledBack", revision=good, seen_revision=bad)
        until(lambda: node.has({"service/web"}), "it is remembered as bad")

        scene.declare(onFailure="rollback")
        until(lambda: "1s" not in str(node.resources()[f"source/{NAME}"]["spec"]), "it is read")
        better = scene.commit({"a.yaml": service("web", marker, env={"TURN": "3"})})
        scene.state(held="", revision=better)
        until(lambda: node.has({"service/web", "key/besides"}), "a newer one is tried")
        assert [words[-2] for words in processes(marker).values()] == ["web"]


def _outcome(revisions: list[dict[str, str]], wanted: str) -> str:
    return next((one["outcome"] for one in revisions if one["revision"] == wanted), "")


def test_a_rollback_by_hand_lasts_until_it_is_taken_back() -> None:
    with committed({"a.yaml": keys("one")}) as scene:
        node = scene.node
        until(lambda: node.has({"key/one"}), "the first commit")
        first = scene.repository.head
        scene.commit({"a.yaml": keys("one", "two")})
        until(lambda: node.has({"key/one", "key/two"}), "the second commit")
        told = node.command("rollback", NAME, "--reason", "two is not wanted yet")
        assert told.returncode == 0, told.stderr
        assert f"`holdfast resume source/{NAME}` lets it go" in told.stderr
        scene.state(held="Hold", revision=first)
        until(lambda: node.converged({"key/one"}), "the first commit again, and the source is well with it")
        waited = node.command("wait", f"source/{NAME}", "--timeout", "20s")
        assert waited.returncode == 0, waited.stderr

        third = scene.commit({"a.yaml": keys("one", "three")})
        scene.state(held="Hold", revision=first, seen_revision=third)
        node.kill()
        node.start()
        scene.state(held="Hold", revision=first)
        until(lambda: node.has({"key/one"}), "neither a commit nor a crash lets it go")
        assert "two is not wanted yet" in node.command("describe", f"source/{NAME}").stdout

        assert node.command("resume", f"source/{NAME}").returncode == 0
        scene.state(held="", revision=third)
        until(lambda: node.has({"key/one", "key/three"}), "the newest commit")


def test_rewritten_history_is_refused_unless_it_is_allowed() -> None:
    with committed({"a.yaml": keys("zero")}) as scene:
        node = scene.node
        scene.commit({"a.yaml": keys("one")})
        until(lambda: node.has({"key/one"}), "the second commit")
        scene.repository.git("reset", "-q", "--hard", "HEAD~1")
        other = scene.commit({"a.yaml": keys("another")})
        state = scene.state(held="Refused")
        assert "history was rewritten" in str(state["error"])
        assert node.has({"key/one"})
        scene.declare({"allowForce": True})
        scene.state(held="", revision=other)
        until(lambda: node.has({"key/another"}), "it is meant")


@pytest.mark.needs("ssh-keygen")
def test_a_commit_that_nobody_trusted_has_signed_is_not_applied() -> None:
    with committed({"a.yaml": keys("zero")}) as scene:
        node, repository = scene.node, scene.repository
        ada = keygen(node.data.parent / "ada")
        sign_by_ssh(repository, ada)
        signers = node.data.parent / "signers"
        signers.write_text(f"ada@example.org {public(ada)}\n")
        good = scene.commit({"a.yaml": keys("one")}, "Signed", "-S")
        scene.declare({"verify": {"mode": "ssh", "file": str(signers)}})
        until(lambda: node.has({"key/one"}) and bool(node.source(NAME)["signer"]), "it is verified")
        assert str(node.source(NAME)["signer"]).startswith("ada@example.org SHA256:")

        unsigned = scene.commit({"a.yaml": keys("one", "two")})
        state = scene.state(held="Refused", revision=good)
        assert f"commit {unsigned} is not verified" in str(state["error"])
        assert node.has({"key/one"}), "nothing of it is in force"
        scene.commit({}, "Signed", "-S")
        until(lambda: node.has({"key/one", "key/two"}), "signed after all")
