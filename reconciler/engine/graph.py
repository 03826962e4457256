"""Needs become an order: for making and, reversed, for removing; a cycle is named whole. Pure.

A graph is a mapping from each ref to those that it needs; a need on something outside the mapping
is no edge.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from graphlib import TopologicalSorter

from reconciler.model import Ref

Needs = Mapping[Ref, Collection[Ref]]


def order(needs: Needs) -> tuple[Ref, ...]:
    """Every ref after those that it needs; refs of a cycle, and what needs them, come last."""
    inside = {ref: [n for n in wanted if n in needs] for ref, wanted in needs.items()}
    stuck = {ref for cycle in cycles(needs) for ref in cycle}
    free = {ref: [n for n in wanted if n not in stuck] for ref, wanted in inside.items() if ref not in stuck}
    return (*TopologicalSorter(free).static_order(), *sorted(stuck))


def cycles(needs: Needs) -> tuple[tuple[Ref, ...], ...]:
    """Every knot of refs that need one another, each with all its members, in the order of their needs."""
    return tuple(
        _walk(knot, needs) for knot in _knots(needs) if len(knot) > 1 or _needs_itself(knot[0], needs)
    )


def _needs_itself(ref: Ref, needs: Needs) -> bool:
    return ref in needs[ref]


def _knots(needs: Needs) -> Iterable[list[Ref]]:
    """Tarjan's strongly connected components, without recursion: a chain may be as long as it likes."""
    index: dict[Ref, int] = {}
    low: dict[Ref, int] = {}
    stack: list[Ref] = []
    on_stack: set[Ref] = set()
    for root in sorted(needs):
        if root in index:
            continue
        work = [(root, iter(sorted(n for n in needs[root] if n in needs)))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            ref, rest = work[-1]
            for need in rest:
                if need not in index:
                    index[need] = low[need] = len(index)
                    stack.append(need)
                    on_stack.add(need)
                    work.append((need, iter(sorted(n for n in needs[need] if n in needs))))
                    break
                if need in on_stack:
                    low[ref] = min(low[ref], index[need])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[ref])
                if low[ref] == index[ref]:
                    knot = [stack.pop()]
                    while knot[-1] != ref:
                        knot.append(stack.pop())
                    on_stack.difference_update(knot)
                    yield knot


def _walk(knot: list[Ref], needs: Needs) -> tuple[Ref, ...]:
    """The members in the order in which they need one another, as far as one line can show it."""
    left = set(knot)
    at: Ref | None = min(knot)
    line: list[Ref] = []
    while at is not None:
        line.append(at)
        left.discard(at)
        at = min((need for need in needs[at] if need in left), default=None)
    return (*line, *sorted(left))


def readers(needs: Needs) -> Mapping[Ref, Sequence[Ref]]:
    """Who needs it directly, by what is needed."""
    found: dict[Ref, list[Ref]] = {}
    for one, wanted in needs.items():
        for need in wanted:
            found.setdefault(need, []).append(one)
    return found


def dependents(ref: Ref, needed_by: Mapping[Ref, Sequence[Ref]]) -> tuple[Ref, ...]:
    """Everything that needs it, directly or through others."""
    found: dict[Ref, None] = {}
    queue = [ref]
    while queue:
        for reader in needed_by.get(queue.pop(), ()):
            if reader not in found and reader != ref:
                found[reader] = None
                queue.append(reader)
    return tuple(sorted(found))
