"""`-o json`: one document on standard output, of the shape that the reference names, and nothing beside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from api import shapes
from reconciler import views
from reconciler.cli import results
from reconciler.cli.top import holdfast
from reconciler.drivers.keystore import age
from tests.cli.test_api_keys import KEYS
from tests.cli.test_as_named import run
from tests.node.running import RunningNode, key, running_node, service, until

pytestmark = pytest.mark.req("CLI-03")

FOREGROUND = {"up", "operator"}
Step = tuple[str, Any]

LIVING: list[Step] = [
    ("validate -f extra.yaml", results.ValidateResult),
    ("diff -f extra.yaml", views.PreviewView),
    ("apply -f extra.yaml --dry-run", results.ApplyResult),
    ("apply -f extra.yaml --yes --wait", results.ApplyResult),
    ("apply -f extra.yaml --yes", results.ApplyResult),
    ("get", [views.ResourceView]),
    ("key ls", [views.ResourceView]),
    ("key show extra", results.KeyResult),
    ("describe service/web", results.DescribeResult),
    ("explain service/web", results.ExplainResult),
    ("explain", [results.KindResult]),
    ("explain service.spec.health", results.FieldResult),
    ("wait service/web key/extra --timeout 60s", results.WaitResult),
    ("wait key/none --timeout 100ms", results.WaitResult),
    ("status", views.NodeView),
    ("doctor", results.DoctorResult),
    ("suspend service/web --for 1h", views.OverrideView),
    ("resume service/web", results.RefResult),
    ("service stop web", views.OverrideView),
    ("service start web", results.RefResult),
    ("service restart web", [views.StatusView]),
    ("logs says --tail 1", results.LogLineResult),
    ("service stats", [views.ServiceUsageView]),
    ("reconcile service/web", views.OperationView),
    ("source ls", [views.SourceView]),
    ("source show root", results.SourceResult),
    ("source history root", [views.RevisionView]),
    ("source push root", views.OperationView),
    ("rollback root", views.OverrideView),
    ("resume source/root", results.RefResult),
    ("api-key create --name ci", views.NewApiKeyView),
    ("api-key list", [views.ApiKeyView]),
    ("api-key show ci", views.ApiKeyView),
    ("api-key rotate ci", views.NewApiKeyView),
    ("api-key revoke ci", results.RefResult),
    ("api-key import keys.yaml", [results.RefResult]),
    ("key import made made", results.KeyResult),
    ("secret reencrypt secret.yaml", [results.ReencryptedResult]),
    ("secret decrypt ciphertext", results.ValueResult),
    ("secret encrypt plain", results.TextResult),
    ("secret encrypt plain --name s", results.TextResult),
    ("secret show s value", results.ValueResult),
    ("node identity", results.IdentityResult),
    ("node identity export", results.TextResult),
    ("node identity rotate", results.IdentityResult),
    ("node identity forget --yes", results.ForgottenResult),
    ("node install --print", results.UnitResult),
    ("init new", results.InitResult),
    ("audit ls", [views.AuditView]),
    ("audit verify", results.ChainResult),
    ("events --tail 1", views.EventView),
    ("graph", None),
    ("delete key/extra --yes", views.OperationView),
    ("completion bash", results.TextResult),
    ("version", results.VersionResult),
]
ALONE = {"validate", "diff", "apply", "get", "describe", "explain", "wait", "status", "suspend", "resume"}
ALONE |= {"reconcile", "delete", "graph", "audit", "version", "key"}
WRONG = [
    "validate -f none.yaml",
    "diff -f bad.yaml",
    "apply -f bad.yaml --yes",
    "apply -f wanted.yaml",
    "get nonsense",
    "describe key/none",
    "explain key/none",
    "explain key.spec.none",
    "delete key/none --yes",
    "suspend key/none",
    "resume key/none",
    "reconcile key/none",
    "rollback none",
    "source show none",
    "service restart none",
    "wait key --timeout 1s",
    "key show none",
    "nonsense",
    "get --nonsense",
]


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    with running_node() as node:
        (node.place / "declared.yaml").write_text(key("declared"))
        node.start()
        until(lambda: node.has({"key/declared"}), "the first revision is in force")
        says = service("says", "", command=["sh", "-c", "echo hello; exec sleep 3600"])
        (node.place / "web.yaml").write_text(f"{service('web', str(node.data))}---\n{says}")
        until(lambda: node.has({"key/declared", "service/web", "service/says"}), "the second is, too")
        until(node.judged, "both are known to have come up")
        yield node


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "extra.yaml").write_text(key("extra"))
    form = Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
    (tmp_path / "made").write_bytes(Ed25519PrivateKey.generate().private_bytes(*form))
    (tmp_path / "wanted.yaml").write_text(key("wanted"))
    (tmp_path / "bad.yaml").write_text(key("bad").replace("generate", "generat"))
    return tmp_path


def is_of(document: Any, shape: Any) -> bool:  # noqa: ANN401 - JSON, and what describes it
    if isinstance(shape, list):
        return bool(document) and all(is_of(one, shape[0]) for one in document)
    return shape is None or set(shapes.required(shape)) <= set(document) <= set(shapes.members(shape))


def printed(data: Path, here: Path, words: str) -> tuple[int, Any]:
    told = run(data, here, *words.split(), "-o", "json")
    try:
        document = json.loads(told.stdout)
    except ValueError:
        pytest.fail(f"{words}: {told.stdout}\n{told.stderr}")
    if words.split(maxsplit=1)[0] not in {"events", "logs", "service"}:
        assert told.stdout == json.dumps(document, indent=2, sort_keys=True) + "\n", words
    return told.returncode, document


def test_of_a_running_node(node: RunningNode, here: Path) -> None:
    (here / "keys.yaml").write_text(KEYS)
    secret = run(node.data, here, "secret", "encrypt", "--name", "s", typed="value").stdout
    (here / "secret.yaml").write_text(secret)
    assert run(node.data, here, "apply", "-f", "secret.yaml", "--yes", "--wait").returncode == 0
    (here / "plain").write_text("value")
    (here / "ciphertext").write_text(run(node.data, here, "secret", "encrypt", "plain").stdout)
    for words, shape in LIVING:
        status, document = printed(node.data, here, words)
        assert is_of(document, shape), (words, document)
        assert status == {"diff -f extra.yaml": 1, "wait key/none --timeout 100ms": 9}.get(words, 0), words


@pytest.mark.parametrize(
    ("value", "told"),
    [(b"caf\xc3\xa9\n", ("caf\u00e9\n", "utf-8")), (b"\xff\x00", ("/wA=", "base64"))],
)
def test_a_value_is_told_as_what_it_is(here: Path, value: bytes, told: tuple[str, str]) -> None:
    _, node = printed(here / "data", here, "node identity")
    (here / "ciphertext").write_text(age.encrypt(value, [node["recipient"]]))
    _, document = printed(here / "data", here, "secret decrypt ciphertext")
    assert (document["value"], document["encoding"]) == told


@pytest.mark.req("CLI-04")
def test_the_form_stands_before_a_verb_or_after_it(here: Path) -> None:
    after = run(here / "data", here, *["node", "identity", "-o", "json"]).stdout
    assert json.loads(after)["recipient"].startswith("age1")
    assert run(here / "data", here, *["-o", "json", "node", "identity"]).stdout == after
    rotated = run(here / "data", here, *["node", "identity", "-o", "json", "rotate"]).stdout
    assert json.loads(rotated)["recipient"] != json.loads(after)["recipient"]
    assert run(here / "data", here, *["node", "identity", "-o", "xml"]).returncode == 2


def test_without_a_node(here: Path) -> None:
    for words, shape in LIVING:
        verb, *rest = words.split()
        if verb in ALONE and not {"service/web", "source/root"} & set(rest):
            _, document = printed(here / "data", here, words)
            assert is_of(document, shape), (words, document)


@pytest.mark.req("CLI-01", "CLI-02")
@pytest.mark.parametrize("lives", [True, False])
def test_what_goes_wrong_is_one_problem(node: RunningNode, here: Path, lives: bool) -> None:
    for words in WRONG:
        data = node.data if lives else here / "data"
        told, plain = run(data, here, *words.split(), "-o", "json"), run(data, here, *words.split())
        assert told.returncode == plain.returncode >= 2, words
        assert told.stdout == "", words
        problem = json.loads(told.stderr.splitlines()[-1])
        assert {"title", "detail", "code", "invalid_params"} <= set(problem) <= {*problem, "remedy"}, words


def test_what_is_wrong_with_manifests_is_the_result_of_their_validation(here: Path) -> None:
    status, document = printed(here / "data", here, "validate -f bad.yaml")
    assert (status, document["resources"]) == (2, [])
    (error,) = document["errors"]
    assert is_of(error, results.MisplacedResult)
    assert (error["place"], error["field"]) == ("bad.yaml:4:23", "spec.generat")


def test_every_verb_has_it_or_is_known_to_print_something_else() -> None:
    without = set()
    for name, command in verbs(holdfast, ()):
        output = next((one for one in command.params if one.name == "output"), None)
        if output is None:
            without.add(name)
        else:
            assert isinstance(output.type, click.Choice)
            assert "json" in output.type.choices, name
    assert without == FOREGROUND


def verbs(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield from verbs(inner, (*path, name))


def test_table_stands_for_what_people_read_everywhere(here: Path) -> None:
    for words in ("validate -f extra.yaml", "diff -f extra.yaml", "graph", "version", "explain key.spec"):
        said = run(here / "data", here, *words.split(), "-o", "table")
        assert said.stdout == run(here / "data", here, *words.split()).stdout != "", words
