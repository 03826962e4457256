"""The faults that are planted in the pure parts, each with the test that must notice."""

from __future__ import annotations

from tests.ablation.planted import ByTest, Planted
from tests.ablation.tree import Edit

CASES = ByTest("tests/kinds/test_cases.py::test_the_row_holds")

FAULTS = (
    Planted(
        "`settle` of `Key` forgets a field",
        Edit(
            "kinds/key/__init__.py",
            'public_key="", rotation=rotation, ours=True)',
            'public_key="", rotation="", ours=True)',
        ),
        CASES,
    ),
    Planted(
        "`plan` of `Key` drops an arm",
        Edit("kinds/key/__init__.py", "            return Plan((Claim(want.role),))\n", "            pass\n"),
        CASES,
    ),
    Planted(
        "`verdict` of `Key` sees no lost identity",
        Edit("kinds/key/__init__.py", 'if case.seen.facts.get("readable", True):', "if True:"),
        CASES,
    ),
    Planted(
        "`settle` of `Secret` forgets what is in it",
        Edit(
            "kinds/secret/__init__.py",
            "return SecretState({key: _digest(text) for key, text in spec.encrypted.items()})",
            'return SecretState(dict.fromkeys(spec.encrypted, ""))',
        ),
        CASES,
    ),
    Planted(
        "`plan` of `Secret` drops an arm",
        Edit(
            "kinds/secret/__init__.py",
            "return Plan((Remove(),)) if spec is None else Plan((Put(spec.encrypted),))",
            "return Plan() if spec is None else Plan((Put(spec.encrypted),))",
        ),
        CASES,
    ),
    Planted(
        "`verdict` of `Secret` sees no lost identity",
        Edit("kinds/secret/__init__.py", 'if case.seen.facts.get("readable", True):', "if True:"),
        CASES,
    ),
    Planted(
        "`settle` of `Service` forgets a field",
        Edit("kinds/service/service.py", "            user=spec.user,\n", ""),
        ByTest("tests/kinds/service/test_service.py::test_whatever_is_wished_of_a_process_is_settled"),
    ),
    Planted(
        "`plan` of `Service` drops an arm",
        Edit("kinds/service/service.py", "return Plan((*tend, Resume()))", "return Plan(tend)"),
        ByTest(
            "tests/kinds/service/test_service.py::test_a_frozen_one_goes_on_and_an_ending_one_is_waited_for"
        ),
    ),
    Planted(
        "`verdict` of `Service` drops an arm",
        Edit(
            "kinds/service/service.py",
            "        if actual.phase is Phase.ENDED:\n            return judged(case)\n",
            "",
        ),
        ByTest("tests/kinds/service/test_service.py::test_the_end_is_judged_by_how_it_came"),
    ),
    Planted(
        "`parts` of `ServiceGroup` forgets a field",
        Edit(
            "kinds/service/group.py",
            "needs = {**want.needs, **Service().needs(alone, ref)}",
            "needs = Service().needs(alone, ref)",
        ),
        ByTest("tests/kinds/service/test_service.py::test_what_a_group_needs_all_its_services_need"),
    ),
    Planted(
        "`settle` of `ServiceGroup` knows no end",
        Edit(
            "kinds/service/group.py",
            "        return Gathered() if case.want.spec is not None else None",
            "        return Gathered()",
        ),
        ByTest("tests/kinds/service/test_service.py::test_a_group_is_as_ready_as_its_services"),
    ),
    Planted(
        "`plan` of `ServiceGroup` has a step",
        Edit("kinds/service/group.py", "        return Plan()", "        return Plan((Step(),))"),
        ByTest("tests/kinds/service/test_service.py::test_a_group_is_as_ready_as_its_services"),
    ),
    Planted(
        "`verdict` of `ServiceGroup` overlooks who is not ready",
        Edit("kinds/service/group.py", "if status is None or not status.ready}", "if status is None}"),
        ByTest("tests/kinds/service/test_service.py::test_a_group_is_as_ready_as_its_services"),
    ),
    Planted(
        "`settle` of `Source` forgets a field",
        Edit("kinds/source/settled.py", "        hold=spec.hold,\n", ""),
        CASES,
    ),
    Planted(
        "`settle` of `Source` lets a weaker policy run",
        Edit(
            "kinds/source/__init__.py",
            "return replace(config, suspended=True) if weaker(config, above) else config",
            "return config",
        ),
        ByTest("tests/kinds/source/test_source.py::test_it_stops_when_the_policy_above_it_becomes_stricter"),
    ),
    Planted(
        "`plan` of `Source` drops an arm",
        Edit(
            "kinds/source/__init__.py",
            "            return Plan((RemoveSource(source_name(case.want.ref)),))",
            "            return Plan()",
        ),
        CASES,
    ),
    Planted(
        "`verdict` of `Source` forgets a field",
        Edit(
            "kinds/source/__init__.py",
            "return Verdict(ready=False, reason=held, message=message, stalled=True)",
            "return Verdict(ready=False, reason=held, message=message)",
        ),
        CASES,
    ),
    Planted(
        "wishes: a field is not compared",
        Edit(
            "engine/wishes.py",
            "one.spec == other.spec and one.labels == other.labels and one.annotations == other.annotations",
            "one.spec == other.spec and one.labels == other.labels",
        ),
        ByTest("tests/engine/test_wishes.py::test_another_annotation_is_a_difference"),
    ),
    Planted(
        "wishes: an override forgets the needs that it implies",
        Edit("engine/wishes.py", "needs={**want.needs, **kinds.needs(want.ref, spec)}", "needs=want.needs"),
        ByTest("tests/engine/test_wishes.py::test_an_override_brings_the_needs_that_it_implies"),
    ),
    Planted(
        "book: a field does not move a wish",
        Edit("engine/book.py", "        and one.needs == other.needs\n", ""),
        ByTest("tests/engine/test_book.py::test_every_part_of_a_wish_can_move_it"),
    ),
    Planted(
        "diff: within what forces a recreate, nothing does",
        Edit(
            "engine/diff.py",
            "                recreates=recreates or field.recreates,\n",
            "                recreates=field.recreates,\n",
        ),
        ByTest("tests/engine/test_diff.py::test_a_part_of_what_forces_a_recreate_forces_it_too"),
    ),
    Planted(
        "diff: a secret is shown",
        Edit(
            "engine/diff.py",
            "                secret=secret or field.secret,\n",
            "                secret=secret,\n",
        ),
        ByTest("tests/engine/test_diff.py::test_no_secret_gets_into_a_change"),
    ),
    Planted(
        "diff: an arm is dropped",
        Edit("engine/diff.py", "    if isinstance(value, Enum):\n        return value.value\n", ""),
        ByTest("tests/engine/test_diff.py::test_a_value_as_json_holds_it"),
    ),
    Planted(
        "graph: only direct dependents",
        Edit("engine/graph.py", "                queue.append(reader)\n", ""),
        ByTest("tests/engine/test_graph.py::test_dependents_are_those_whose_needs_lead_here"),
    ),
    Planted(
        "graph: a way back is overlooked",
        Edit(
            "engine/graph.py",
            "                    low[ref] = min(low[ref], index[need])\n",
            "                    pass\n",
        ),
        ByTest("tests/engine/test_graph.py::test_a_knot_is_told_in_the_order_of_its_needs"),
    ),
    Planted(
        "judge: a gate is forgotten",
        Edit(
            "engine/judge.py",
            "STUCK = frozenset({Gate.FOREIGN, Gate.CYCLE, Gate.UNWANTED})",
            "STUCK = frozenset({Gate.FOREIGN, Gate.UNWANTED})",
        ),
        ByTest("tests/engine/test_judge.py::test_a_shut_gate_is_the_reason_and_only_three_are_beyond_time"),
    ),
    Planted(
        "judge: a condition loses its time",
        Edit("engine/judge.py", "because[0], because[1], before.since)", "because[0], because[1], now)"),
        ByTest("tests/engine/test_judge.py::test_a_condition_keeps_its_time_until_its_truth_changes"),
    ),
    Planted(
        "queue: an earlier time hides a more urgent priority",
        Edit("engine/queue.py", "if slot.due <= due and slot.priority <= priority:", "if slot.due <= due:"),
        ByTest("tests/engine/test_queue.py::TestAgainst::runTest"),
    ),
    Planted(
        "decide: an arm is dropped",
        Edit("engine/decide.py", "        elif look.want.spec is None:", "        elif False:"),
        ByTest("tests/engine/test_decide.py::test_a_need_that_is_being_removed"),
    ),
    Planted(
        "decide: what is broken is taken for waiting",
        Edit("engine/decide.py", "        if not unmet:\n            raise\n", ""),
        ByTest("tests/engine/test_decide.py::test_what_cannot_be_settled_with_all_needs_met_is_broken"),
    ),
    Planted(
        "manifest: a field is forgotten",
        Edit("sources/manifest.py", "                labels=metadata.labels,\n", ""),
        ByTest("tests/sources/manifests/test_manifest.py::test_all_that_a_document_says_arrives"),
    ),
    Planted(
        "manifest: a ref may stand there twice",
        Edit(
            "sources/manifest.py",
            "        elif first is not None:",
            "        elif first is None and first is not None:",
        ),
        ByTest(
            "tests/sources/manifests/test_manifest.py::test_a_ref_is_declared_once_and_the_first_one_stays"
        ),
    ),
    Planted(
        "manifest: problems come in any order",
        Edit(
            "sources/manifest.py",
            "problems = sorted(self._problems, key=lambda problem: problem.place)",
            "problems = list(self._problems)",
        ),
        ByTest("tests/sources/manifests/test_manifest.py::test_problems_come_in_the_order_of_their_places"),
    ),
    Planted(
        "overlay: a target's labels are not asked for",
        Edit("sources/overlay.py", "            and self.labels.items() <= labels.items()\n", ""),
        ByTest("tests/sources/manifests/test_overlay.py::test_what_a_target_leaves_open_matches_all"),
    ),
    Planted(
        "overlay: the first path takes a file",
        Edit("sources/overlay.py", "for n in reversed(range(len(folders)))", "for n in range(len(folders))"),
        ByTest("tests/sources/manifests/test_overlay.py::test_a_file_belongs_to_the_last_path_that_holds_it"),
    ),
    Planted(
        "substitute: an arm is dropped",
        Edit("sources/substitute.py", '    if match[0] == "$${":\n        return "${"\n', ""),
        ByTest("tests/sources/manifests/test_substitute.py::test_a_variable_is_filled_in_once"),
    ),
    Planted(
        "substitute: a value grows without bound",
        Edit(
            "sources/substitute.py", "            if growth > MAX_GROWTH:\n", "            if growth < 0:\n"
        ),
        ByTest("tests/sources/manifests/test_substitute.py::test_a_value_may_not_grow_without_bound"),
    ),
)
