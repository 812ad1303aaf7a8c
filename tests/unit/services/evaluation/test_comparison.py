"""Facts about what is shown beside a comparison's numbers: the runs there are, and both answers to each prompt."""

from __future__ import annotations

from tests.corpora import CORPUS, cut, deliver, facts, scratch, sides
from tests.runs import both, scored_run
from workbench.services.evaluation.comparison import (
    Measured,
    Wanted,
    choices,
    chosen,
    compared,
    first_wanted,
    measured,
    unmeasured,
    verdicts,
)
from workbench.services.evaluation.judgements import Judgement, Said, judge
from workbench.services.progress import silent


def held_out(store):
    deliver(store, facts(*range(80)))
    version = cut(store)
    return version, sorted(record for record, side in sides(store, version).items() if side == "test")


def made(store, version, records, name, **changed):
    run = scored_run(store, version, name, [row for record in records for row in both(record, **changed)])
    run.adapter.mkdir()
    return run


def test_only_finished_runs_of_the_corpus_are_offered_and_a_measured_one_first():
    with scratch() as store:
        version, records = held_out(store)
        assert first_wanted(measured(store.workspace, CORPUS)) is None
        made(store, version, records, "one")
        scored_run(store, version, "unfinished", both("r"))
        assert measured(store.workspace, CORPUS) == [Measured("one", f"{CORPUS}@v1", ("test",))]
        assert measured(store.workspace, "elsewhere") == []
        assert first_wanted(measured(store.workspace, CORPUS)) == Wanted("one")


def test_every_record_has_both_answers_its_prompt_and_the_worst_stand_first():
    with scratch() as store:
        version, records = held_out(store)
        made(store, version, records, "one")
        worse = [row for n, r in enumerate(records) for row in both(r, tuned=9.0 if n == 1 else 1.0, prediction="two")]
        scored_run(store, version, "two", worse).adapter.mkdir()
        found = compared(store.workspace, Wanted("one", "two"), silent)
        assert len(found.pairs) == len(records) == found.facts["records"]["compared"]
        first = found.pairs[0]
        assert first.record == records[1] and first.bits > 0 > found.pairs[1].bits
        assert (first.answers, first.reference, first.right) == (("no", "two"), "yes", (False, False))
        assert first.prompt["messages"][-1]["content"] in first.text


def test_verdicts_on_the_two_sides_are_counted_and_others_are_not():
    with scratch() as store:
        version, records = held_out(store)
        made(store, version, records, "one")
        wanted = Wanted("one")
        one, other = (Said(*side, "text") for side in wanted.sides)
        judge(store, CORPUS, Judgement("q", one, other, "other"))
        found = verdicts(store, CORPUS, wanted).plain()
        assert found == {"counts": {"one": 0, "other": 1, "tie": 0}, "blind": 0, "p": 1.0, "verdict": "cannot tell"}
        assert verdicts(store, CORPUS, Wanted("one", "two")).judged == 0


def test_a_choice_names_what_must_be_measured_first():
    known = [Measured("two", f"{CORPUS}@v2", ("test",)), Measured("one", f"{CORPUS}@v1", ())]
    wanted = chosen(Wanted("two"), "other", "one")
    assert wanted.sides == (("two", "tuned"), ("one", "tuned"))
    assert unmeasured(known, wanted) == ["one"] and unmeasured(known, Wanted("two")) == []
    assert [choice.value for choice in choices(known, wanted)] == ["two", "one", "test"]
    assert chosen(wanted, "run", "one") == Wanted("one")
    assert chosen(chosen(wanted, "other", "its own base"), "split", "train") == Wanted("two", split="train")
