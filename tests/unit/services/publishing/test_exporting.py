"""What a version leaves behind as files: in a trainer's form, with its settings, and never mixed with another."""

from __future__ import annotations

import json

import pytest

from tests.corpora import CORPUS, by_question, cut, deliver, fact, facts, ids, long_fact, near, sides
from workbench.errors import Cancelled, DataError, UsageError
from workbench.publish.formats import FORMATS, read_curation
from workbench.publish.trainer_files import TRAINER_FORMATS
from workbench.services.evaluation.judgements import Judgement, Said, judge
from workbench.services.intake.ingest import Order, ingest
from workbench.services.publishing import leaving
from workbench.services.publishing.export import export
from workbench.services.publishing.stubs import StubOrder

PAIR = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "better"}]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_split_is_a_file_of_its_own_with_the_versions_records(store):
    deliver(store, facts(*range(20)))
    version = cut(store)
    done = export(store, CORPUS, "latest", format="messages")
    found = {row["record_id"]: side for side in done.rows for row in lines(done.folder / f"{side}.jsonl")}
    assert found == {name: side for name, side in sides(store, version).items() if side in done.rows}
    assert "question, context are rendered" in done.note


def test_an_export_counts_what_it_writes_and_one_that_is_cancelled_leaves_nothing(store, tmp_path):
    deliver(store, facts(*range(20)))
    written = sum(cut(store).counts[side] for side in ("train", "validation", "test"))
    told = []
    export(store, CORPUS, "latest", format="messages", report=lambda *said: told.append(said))
    assert told[0] == ("reading records",) and told[-1] == ("writing records", written, written)

    def cancel(line, done=0, total=0):
        if done:
            raise Cancelled("the export was cancelled", "nothing")

    with pytest.raises(Cancelled):
        export(store, CORPUS, "latest", folder=tmp_path / "out", report=cancel)
    assert list(tmp_path.glob("*out*")) == []


def test_another_version_never_mixes_with_the_one_that_stands_there(store, tmp_path):
    deliver(store, facts(*range(20)))
    first = cut(store)
    export(store, CORPUS, "v1", format="sharegpt", folder=tmp_path / "out")
    deliver(store, facts(*range(24)), name="more")
    cut(store)
    with pytest.raises(UsageError, match="holds another export"):
        export(store, CORPUS, "v2", format="sharegpt", folder=tmp_path / "out")
    assert read_curation(tmp_path / "out")["version"] == first.id
    export(store, CORPUS, "v2", format="messages", folder=tmp_path / "out", force=True)
    assert read_curation(tmp_path / "out")["version"] != first.id
    assert "conversations" not in (tmp_path / "out" / "train.jsonl").read_text()


def test_an_export_with_a_stub_may_be_written_again_and_a_changed_stub_is_not_overwritten(store):
    deliver(store, facts(*range(20)))
    cut(store)
    order = StubOrder("axolotl", "tiny", ("train.epochs=2",))
    done = export(store, CORPUS, "latest", format="messages", stub=order)
    assert export(store, CORPUS, "latest", format="messages", stub=order).was_there
    (done.folder / "axolotl.yaml").write_text("mine: true\n")
    with pytest.raises(UsageError, match=r"axolotl\.yaml"):
        export(store, CORPUS, "latest", format="messages", stub=order)
    assert (done.folder / "axolotl.yaml").read_text() == "mine: true\n"


def test_a_trainer_that_cannot_read_a_format_says_which_it_can(store):
    deliver(store, facts(*range(20)))
    cut(store)
    with pytest.raises(UsageError) as caught:
        export(store, CORPUS, "latest", stub=StubOrder("unsloth", "tiny"))
    assert "messages" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        export(store, CORPUS, "latest", format="messages", stub=StubOrder("axolotel", "tiny"))
    assert "did you mean 'axolotl'" in caught.value.hint


def test_judged_pairs_leave_in_the_split_of_their_record_and_others_are_counted(store):
    deliver(store, facts(*range(20)))
    version = cut(store)
    held = sides(store, version)
    record = next(name for name, side in held.items() if side == "test")
    for prompt, of in (("q", record), ("of my own", "")):
        judge(store, CORPUS, Judgement(prompt, Said("r1", "base", "worse"), Said("r1", "tuned", "better"), "other", of))
    done = export(store, CORPUS, "latest", format="preference")
    (row,) = lines(done.folder / "test.jsonl")
    assert (row["prompt"], row["chosen"][0]["content"], row["rejected"][0]["content"]) == (PAIR[:1], "better", "worse")
    assert row["record_id"] == record and done.rows == {"test": 1}
    assert "1 judged pair left out" in done.note


def test_without_a_judged_pair_there_is_nothing_to_prefer(store):
    deliver(store, facts(*range(20)))
    cut(store)
    with pytest.raises(DataError, match="no preference pair"):
        export(store, CORPUS, "latest", format="preference")


def test_pairs_come_in_by_themselves_and_go_out_as_pairs(store):
    rows = [{"prompt": fact(n)["question"], "chosen": fact(n)["answer"], "rejected": "No."} for n in range(20)]
    path = store.workspace.root.parent / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (delivery,) = ingest(store, Order(CORPUS, (path,)))
    assert (delivery.reader, delivery.kept, store.corpus(CORPUS).schema_name) == ("conversations", 20, "preference")
    cut(store)
    done = export(store, CORPUS, "latest", format="preference")
    out = [row for side in done.rows for row in lines(done.folder / f"{side}.jsonl")]
    assert sorted(row["prompt"][0]["content"] for row in out) == sorted(row["prompt"] for row in rows)
    assert {row["rejected"][0]["content"] for row in out} == {"No."} and done.note == ""


def turn(role, content):
    return {"role": role, "content": content}


SHAPES = {
    "messages": ("chat", {"messages": PAIR}),
    "sharegpt": ("chat", {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}),
    "sharegpt and system": ("chat", {"system": "s", "conversations": [{"from": "human", "value": "q"}]}),
    "turns to complete": ("chat", {"prompt": PAIR[:1], "completion": PAIR[1:]}),
    "chatml": ("chat", {"text": "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n"}),
    "alpaca": ("instruction", {"instruction": "q", "input": "", "output": "a"}),
    "alpaca and history": ("chat", {"instruction": "q", "input": "", "output": "a", "history": [["q", "a"]]}),
    "prompt and completion": ("qa", {"prompt": "q", "completion": "a"}),
    "pair": ("preference", {"prompt": "q", "chosen": "a", "rejected": "b"}),
    "pair of turns": ("preference", {"prompt": PAIR[:1], "chosen": PAIR[1:], "rejected": [turn("assistant", "w")]}),
    "question with choices": ("mcq", {"question": "q", "choices": ["a", "b"], "answer": 1}),
    "own task": ("mcq", {"question": "q", "options": ["a", "b"], "correct_option_index": 1}),
}


@pytest.mark.parametrize("name", SHAPES)
def test_each_shape_is_taken_for_its_kind_also_beside_the_columns_of_an_export(name, store):
    kind, row = SHAPES[name]
    path = store.workspace.root.parent / "rows.jsonl"
    path.write_text(json.dumps(row | {"record_id": "r", "source": "s"}) + "\n")
    ingest(store, Order(CORPUS, (path,)))
    assert store.corpus(CORPUS).schema_name == kind


def test_a_card_of_judged_pairs_tells_of_them_and_not_of_the_records(store):
    deliver(store, facts(*range(20)))
    record = next(iter(sides(store, cut(store))))
    judge(store, CORPUS, Judgement("q", Said("r", "base", "w"), Said("r", "tuned", "b"), "other", record))
    judge(store, CORPUS, Judgement("my own", Said("r", "base", "w"), Said("r", "tuned", "b"), "other"))
    done = export(store, CORPUS, "latest", format="preference")
    known = read_curation(done.folder)
    assert sum(known["counts"].values()) == 1 and known["lengths"] == [] and known["spoken"] == {}
    card = (done.folder / "README.md").read_text()
    assert "judged side by side" in card and "1 judged pair left out" in card


def test_pairs_that_are_none_of_this_version_are_said_to_be_so(store):
    deliver(store, facts(*range(20)))
    cut(store)
    judge(store, CORPUS, Judgement("my own", Said("r", "base", "w"), Said("r", "tuned", "b"), "other"))
    with pytest.raises(DataError, match="none of 1 judged pair is of a record"):
        export(store, CORPUS, "latest", format="preference")


def test_a_judged_pair_follows_its_record_through_a_new_delivery(store):
    rows = [long_fact(number) for number in range(20)]
    deliver(store, rows)
    first = sides(store, cut(store))
    record = by_question(store)[rows[3]["question"]]
    judge(store, CORPUS, Judgement("q", Said("r", "base", "w"), Said("r", "tuned", "b"), "other", record))
    rows[3] = near(rows[3], "changed")
    deliver(store, rows)
    cut(store)
    done = export(store, CORPUS, "latest", format="preference")
    assert record not in ids(store) and done.rows == {first[record]: 1}


def test_a_sheet_offers_every_format_that_there_is():
    assert leaving.FORMATS == (*FORMATS, *TRAINER_FORMATS, leaving.HUB)


@pytest.mark.parametrize(
    ("format", "stub", "named"),
    [
        ("nosuch", None, "export format"),
        ("messages", StubOrder("nosuch", "tiny"), "trainer"),
        ("messages", StubOrder("axolotl", "nosuch"), "recipe"),
        ("messages", StubOrder("axolotl", "tiny", ("no.such=1",)), "recipe key"),
    ],
)
def test_a_name_that_there_is_none_of_is_refused_before_a_record_is_read(store, format, stub, named):
    deliver(store, facts(*range(9)))
    cut(store)
    said = []
    with pytest.raises(UsageError, match=f"no {named} named"):
        export(store, CORPUS, "latest", format=format, stub=stub, report=lambda *line: said.append(line))
    assert said == []
