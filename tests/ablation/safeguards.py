"""The safeguards, each with the edit that switches it off and with who must notice."""

from __future__ import annotations

from tests.ablation.planted import BySeed, ByTest, Planted
from tests.ablation.tree import Edit

SAFEGUARDS = (
    Planted(
        "the prune budget stops a revision that would remove too much",
        Edit("engine/removals.py", "if total >= BUDGET_FROM and counted * 2 > total:", "if False:"),
        BySeed("over the prune budget"),
    ),
    Planted(
        "what is foreign is left alone",
        Edit("engine/decide.py", "if case.seen.owner is Owner.FOREIGN and not adopts(want):", "if False:"),
        BySeed("is foreign, and"),
    ),
    Planted(
        "what is foreign is adopted only when that is asked for",
        Edit(
            "engine/decide.py",
            "return want.spec is not None and bool(want.spec.adopt)",
            "return want.spec is not None",
        ),
        BySeed("is foreign, and"),
    ),
    Planted(
        "nothing acts before its needs are met",
        Edit("engine/decide.py", "if unmet and differs:", "if False:"),
        BySeed("acts while thing/"),
    ),
    Planted(
        "refs that need one another in a circle do not act",
        Edit("engine/decide.py", "if around.cycle and want.spec is not None:", "if False:"),
        ByTest("tests/engine/test_needs.py::test_a_knot_is_named_and_what_was_there_before_may_still_go"),
    ),
    Planted(
        "what is suspended is observed and not acted upon",
        Edit("engine/decide.py", "if is_suspended(want) and not kind.suspends:", "if False:"),
        BySeed("acts while it is suspended"),
    ),
    Planted(
        "one pass a ref at a time",
        Edit("engine/queue.py", "if slot.live and slot.ref in self._busy:", "if False:"),
        BySeed("while another pass has it"),
    ),
    Planted(
        "a plan is recorded before its first step",
        Edit("engine/passes.py", "                await self._ledger.plan(visit, decision)\n", ""),
        BySeed("stands in no recorded plan"),
    ),
    Planted(
        "what a step needs remembered is durable before it acts",
        Edit("engine/ledger.py", "writes.insert(0, Remembered(entry.ref, memory))", "pass"),
        BySeed("is remembered"),
    ),
    Planted(
        "after acting, reality is read and not its mirror",
        Edit(
            "engine/passes.py",
            "before, was = decision.changes, seen\n"
            "                seen = await kind.observe(want, entry.memory, uses, fresh=True)",
            "before, was = decision.changes, seen\n"
            "                seen = await kind.observe(want, entry.memory, uses, fresh=False)",
        ),
        ByTest("tests/engine/test_engine.py::test_what_acts_is_read_anew_and_not_from_the_mirror"),
    ),
    Planted(
        "acting without effect is a failure",
        Edit("engine/passes.py", "if decision.changes and decision.changes == before:", "if False:"),
        ByTest("tests/engine/test_engine.py::test_acting_without_effect_is_a_failure_that_backs_off"),
    ),
    Planted(
        "what fails is tried ever less often",
        Edit(
            "engine/queue.py",
            "longest = min(LONGEST, SHORTEST * float(1 << min(count, 30)))",
            "longest = SHORTEST",
        ),
        ByTest(
            "tests/engine/test_engine.py::"
            "test_a_failing_driver_is_tried_ever_less_often_and_at_once_when_it_recovers"
        ),
    ),
    Planted(
        "every ref is looked at again, whatever was heard of it",
        Edit(
            "engine/workers.py",
            "        self._queue.add(ref, priority, due)\n",
            "        if priority is not Priority.RESYNC:\n            self._queue.add(ref, priority, due)\n",
        ),
        BySeed("after 3000 s of calm"),
    ),
    Planted(
        "one ref's crash ends nobody else's work",
        Edit(
            "engine/workers.py",
            "        except Exception as error:  # noqa: BLE001",
            "        except NotImplementedError as error:  # noqa: BLE001",
        ),
        BySeed("unhandled errors in a TaskGroup"),
    ),
    Planted(
        "a commit that failed leaves a doubt about what is stored",
        Edit(
            "engine/ledger.py",
            "            await self._store.commit(*rows, *writes)\n"
            "        except Exception:\n"
            "            entry.doubts += 1\n",
            "            await self._store.commit(*rows, *writes)\n        except Exception:\n",
        ),
        BySeed("was made and is lost"),
    ),
    Planted(
        "a document that no longer parses keeps its last good version in force",
        Edit("engine/wishes.py", "if before is None or not snapshot.problems:", "if True:"),
        ByTest("tests/engine/test_sources.py::test_a_broken_revision_keeps_what_it_cannot_say_in_force"),
    ),
    Planted(
        "a revision with errors prunes nothing",
        Edit(
            "engine/wishes.py",
            "if name not in snapshots or snapshots[name].problems]",
            "if name not in snapshots]",
        ),
        BySeed("is removed though it is wanted"),
    ),
    Planted(
        "a source that was not read yet prunes nothing",
        Edit(
            "engine/wishes.py",
            "if name not in snapshots or snapshots[name].problems]",
            "if name in snapshots and snapshots[name].problems]",
        ),
        BySeed("nobody can speak for their source"),
    ),
    Planted(
        "what is doomed waits until every source was read: another may want it",
        Edit("engine/decide.py", "    if around.unread:", "    if False:"),
        BySeed("and nobody has read them"),
    ),
    Planted(
        "what is withdrawn stays until the other sources were looked at again: it may have moved there",
        Edit("engine/loop.py", "if stays_s := self._wanted.stays_for(ref):", "if stays_s := 0.0:"),
        BySeed("and may have moved to"),
    ),
    Planted(
        "what is to go waits for the decision that is under way",
        Edit("engine/loop.py", "if entry.want is None:", "if entry.withdrawn:"),
        ByTest("tests/engine/test_sources.py::test_what_is_due_while_its_end_cannot_be_written_down_stays"),
    ),
    Planted(
        "a removal is decided, durably, before it begins",
        Edit(
            "engine/ledger.py",
            "await self._store.commit(*rows, *others)",
            "await self._store.commit(*others)",
        ),
        BySeed("is removed without a decision"),
    ),
    Planted(
        "a tombstone stands until reality was seen without it",
        Edit(
            "engine/passes.py",
            "if outcome.error is None and want.spec is None and not left and _is_gone(seen):",
            "if outcome.error is None and want.spec is None and not left:",
        ),
        BySeed("is forgotten, and is still there"),
    ),
    Planted(
        "a mirror's word is not enough to forget something",
        Edit(
            "engine/passes.py",
            "if want.spec is None and _is_gone(seen):  # a mirror's",
            "if False:  # a mirror's",
        ),
        ByTest(
            "tests/engine/test_engine.py::test_what_only_a_mirror_has_lost_is_removed_before_it_is_forgotten"
        ),
    ),
    Planted(
        "what is wanted again is spared",
        Edit(
            "engine/removals.py",
            "(row.doomed and unwanted and row.source not in back)",
            "(row.doomed and row.source not in back)",
        ),
        ByTest("tests/engine/test_removal.py::test_what_was_being_removed_and_is_wanted_again_stays"),
    ),
    Planted(
        "what a broken source cannot say is spared where the source itself comes back",
        Edit(
            "engine/removals.py",
            "(row.doomed and unwanted and row.source not in back)",
            "(row.doomed and unwanted)",
        ),
        ByTest(
            "tests/engine/test_sources.py::"
            "test_a_source_that_moves_while_it_is_broken_loses_nothing_that_it_cannot_say"
        ),
    ),
    Planted(
        "what is to be left is left",
        Edit("engine/passes.py", "            if _is_let_go(want):", "            if False:"),
        BySeed("was to be left as it is"),
    ),
    Planted(
        "what needs a ref is removed before it",
        Edit("engine/decide.py", "    if around.dependents:", "    if False:"),
        BySeed("still needs it"),
    ),
    Planted(
        "what a ref was made with stays until it is made as it is wanted now",
        Edit(
            "engine/passes.py",
            "keepers(self._book, want.ref, case.seen.at) if want.spec is None",
            "self._book.dependents(want.ref) if want.spec is None",
        ),
        BySeed("still needs it"),
    ),
    Planted(
        "what only stands in the way of what is wanted goes in the end",
        Edit("engine/holding.py", " if one in needing or not _waits_in_vain(book, one, now)", ""),
        ByTest("tests/engine/test_holding.py::test_what_is_renamed_and_wants_what_it_had_gets_it_in_the_end"),
    ),
    Planted(
        "what had failed before something was to go leaves the time to go back",
        Edit("engine/holding.py", "if not _has_been_going(_judged(book, ref), now):", "if False:"),
        ByTest(
            "tests/engine/test_holding.py::test_who_is_led_on_to_what_has_failed_for_long_can_be_led_back"
        ),
    ),
    Planted(
        "a tombstone says what was wanted last",
        Edit("engine/ledger.py", "if fate.doomed and entry.want is not None:", "if False:"),
        ByTest(
            "tests/engine/test_removal.py::"
            "test_what_is_to_be_left_is_left_though_that_was_said_after_the_last_pass_had_begun"
        ),
    ),
    Planted(
        "after the loss of the store nothing goes until a person confirms",
        Edit("engine/removals.py", "if rebuilt:\n        return Sub", "if False:\n        return Sub"),
        BySeed("nobody has confirmed"),
    ),
    Planted(
        "after the loss of the store what bears our mark is written down again",
        Edit(
            "engine/recollection.py",
            "rows = [_recalled(ref) for ref in sorted(owned) if not self._book.records(ref)]",
            "rows = []",
        ),
        BySeed("was made and is lost"),
    ),
    Planted(
        "nobody confirms what cannot be told yet",
        Edit(
            "engine/wanted.py",
            "            if confirmed and (unasked := self._recollection.unasked):",
            "            if unasked := []:",
        ),
        ByTest("tests/engine/test_lost_store.py::test_nobody_confirms_what_cannot_be_told"),
    ),
    Planted(
        "of two sources that declare one ref differently the first stays in force",
        Edit(
            "engine/wishes.py",
            "first = next((one for one in options if one.origin.source == source), options[0])",
            "first = options[-1]",
        ),
        BySeed("which declares it, by"),
    ),
    Planted(
        "what nothing is in force of waits for the sources that come first",
        Edit("engine/turns.py", "if order[name] < mine and now < since + PATIENCE_S", "if False"),
        ByTest(
            "tests/simulation/test_order.py::test_the_order_of_the_sources_decides_and_not_when_each_was_read"
        ),
    ),
    Planted(
        "what nothing is in force of waits for the decision that is under way",
        Edit("engine/loop.py", "            await self._wanted.decided()\n", ""),
        ByTest(
            "tests/engine/test_turns.py::"
            "test_what_would_begin_while_another_source_is_given_the_word_waits_for_that"
        ),
    ),
    Planted(
        "the word of a source that was not read yet is kept for it",
        Edit(
            "engine/wishes.py",
            "    for ref in _spoken_for(wants, undecided, in_force):\n        del wants[ref]\n",
            "",
        ),
        BySeed("which declares it, by"),
    ),
    Planted(
        "one decision at a time",
        Edit(
            "engine/wanted.py",
            "async with self._deciding:\n            await self._recollection.go_on()\n            wishes",
            "if True:\n            await self._recollection.go_on()\n            wishes",
        ),
        ByTest("tests/engine/test_sources.py::test_of_two_submissions_at_once_the_second_knows_of_the_first"),
    ),
    Planted(
        "a whole whose parts cannot be told keeps them",
        Edit("engine/removals.py", "        and not _belongs(kept.parent, inventory, wishes.faults)\n", ""),
        ByTest(
            "tests/engine/test_trouble.py::test_a_whole_whose_parts_cannot_be_told_fails_alone_and_loses_none"
        ),
    ),
    Planted(
        "an override ends by the clock",
        Edit("engine/wanted.py", "await self._follow_the_clock()", "pass"),
        BySeed("after 3000 s of calm"),
    ),
    Planted(
        "a preview spares only what is recorded so a pass",
        Edit(
            "engine/preview.py",
            "return row is None and status.ready and status == entry.status",
            "return True",
        ),
        ByTest("tests/engine/test_preview.py::test_what_is_judged_another_way_than_recorded_gets_its_pass"),
    ),
    Planted(
        "measuring slows down where it would take more than its share",
        Edit("runtime/meter.py", "max(interval_s, sparing_s)", "interval_s"),
        ByTest("tests/node/test_meter.py::test_measuring_slows_down_with_what_it_computes"),
    ),
    Planted(
        "a peak of memory outlives the thinning of its round",
        Edit(
            "store/thinning.py",
            "max(before.memory_peak_bytes, one.memory_peak_bytes) if before else one.memory_peak_bytes",
            "one.memory_peak_bytes",
        ),
        ByTest("tests/store/test_thinning.py::test_of_a_period_its_end_is_left_with_its_peak"),
    ),
    Planted(
        "a number that was given out again is another process",
        Edit(
            "drivers/processes/usage.py", "if starts.get(family.pid, family.start) == family.start", "if True"
        ),
        ByTest(
            "tests/drivers/processes/test_usage.py::test_a_number_that_was_given_out_again_is_another_process"
        ),
    ),
)
