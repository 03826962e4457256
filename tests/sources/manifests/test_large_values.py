"""Eight megabytes in one value, wherever it stands: reading takes a small multiple, the error few words."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from reconciler.runtime.plugins import find_kinds
from reconciler.sources.manifest import LARGEST, read

pytestmark = pytest.mark.req("CORE-04")

SIZE = 8_000_000
MOST_TIMES = 12  # its size; measured: 9, where a pattern or a comparison that is not bounded took 80 and 40
MOST_CPU_S = 5.0
MOST_SAID = 1_000

KEY = "role: creator, generate: true"
WHERE = {
    "apiVersion": ("Key", KEY, ""),
    "kind": ("Key", KEY, ""),
    "name": ("Key", KEY, ""),
    "namespace": ("Key", KEY, ", namespace: {x}"),
    "label": ("Key", KEY, ", labels: {a: {x}}"),
    "annotation": ("Key", KEY, ", annotations: {a: {x}}"),
    "annotation's key": ("Key", KEY, ', annotations: {? "{x}" : b}'),
    "unknown key": ("Key", KEY + ', ? "{x}" : b', ""),
    "role": ("Key", "role: {x}", ""),
    "role of a plug-in": ("Key", "role: {x.}", ""),
    "public key": ("Key", "role: creator, publicKey: ssh-ed25519 AAAA{x}", ""),
    "dependency": ("Key", KEY + ", dependsOn: ['{x}']", ""),
    "dependency's kind": ("Key", KEY + ", dependsOn: ['{x}/a']", ""),
    "dependency's name": ("Key", KEY + ", dependsOn: ['key/{x}']", ""),
    "word": ("Service", 'command: ["{x}"]', ""),
    "variable": ("Service", "command: [a], env: {A: {x}}", ""),
    "variable's name": ("Service", 'command: [a], env: {? "{x}" : b}', ""),
    "user": ("Service", "command: [a], user: {x}", ""),
    "signal": ("Service", "command: [a], stopSignal: {x}", ""),
    "port": ("Service", "command: [a], health: {tcp: {port: '{x}'}}", ""),
    "duration": ("Service", "command: [a], stopGrace: {x}", ""),
    "size": ("Service", "command: [a], logs: {maxSize: {x}}", ""),
    "service of a group": ("ServiceGroup", 'services: {? "{x}" : {command: [a]}}', ""),
    "ciphertext": ("Secret", "encrypted: {a: {x}}", ""),
    "secret's key": ("Secret", 'encrypted: {? "{x}" : b}', ""),
    "folder": ("Source", "directory: {path: /{x}}", ""),
    "address": ("Source", "git: {url: 'https://{x}'}", ""),
    "patch": ("Source", "directory: {path: /a}, patches: [{patch: {a: {x}}}]", ""),
}  # fmt: skip


def document(name: str) -> str:
    kind, spec, more = WHERE[name]
    text = f"apiVersion: holdfast.dev/v1\nkind: {kind}\nmetadata: {{name: web{more}}}\nspec: {{{spec}}}\n"
    plain = {"apiVersion": "holdfast.dev/v1", "kind": "Key", "name": "web"}.get(name)
    text = text.replace(plain, "{x}", 1) if plain else text
    return text.replace("{x.}", "x." * (SIZE // 2)).replace("{x}", "x" * SIZE)


MEASURED = """
import json, sys, time
from pathlib import Path
from reconciler.sources.manifest import read
from tests.sources.manifests.test_large_values import WHERE, document, find_kinds

def size(of):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(of))

kinds = find_kinds()
for name in WHERE:
    text = document(name)
    read(text.replace("x" * 1000, "").encode(), "f", kinds)  # what the first one loads is not its own
    text = text.encode()
    Path("/proc/self/clear_refs").write_text("5")
    before, began = size("VmRSS"), time.process_time()
    problems = "; ".join(map(str, read(text, "f", kinds).problems))
    took = time.process_time() - began
    print(json.dumps([name, size("VmHWM") - before, took, problems]), flush=True)
"""


def test_it_takes_a_small_multiple_of_its_size_and_is_refused_in_few_words() -> None:
    done = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [name for name, *_ in found] == list(WHERE)
    for name, grown, took, problems in found:
        assert grown < MOST_TIMES * SIZE, (name, grown)
        assert took < MOST_CPU_S, (name, took)
        assert 0 < len(problems) < MOST_SAID, (name, problems[:MOST_SAID])


def test_what_is_too_large_for_a_resource_hides_no_other() -> None:
    def noted(name: str, size: int) -> str:
        meta = f"{{name: {name}, annotations: {{a: {'x' * size}}}}}"
        return f"apiVersion: holdfast.dev/v1\nkind: Key\nmetadata: {meta}\nspec: {{{KEY}}}\n---\n"

    found = read(noted("a", LARGEST) + noted("b", LARGEST - 200), "f", find_kinds())
    assert [resource.ref.name for resource in found.resources] == ["b"]
    (problem,) = map(str, found.problems)
    assert problem.startswith("f:1:1: a resource of 2097")
    assert problem.endswith("put large values into files beside the manifest")
