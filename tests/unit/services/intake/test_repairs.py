"""What a reader repairs in a raw column becomes an edit of the field that the column gives, in that field's type."""

from __future__ import annotations

from tests.corpora import CORPUS, state
from workbench.readers.mapping import Mapping, applied
from workbench.readers.record import Origin, Record, Repair
from workbench.schema import load_schema
from workbench.services.intake.ingest import Delivery, Order, ingest
from workbench.services.intake.rows import fields_of, fill
from workbench.services.records.undo import undo
from workbench.store.intake import Intake
from workbench.store.store import Store

MARK = "\ufeff"


def csv(store: Store, text: str, schema: str, **settings: object) -> Delivery:
    path = store.workspace.root.parent / "rows.csv"
    path.write_text(text, encoding="utf-8")
    return ingest(store, Order(CORPUS, (path,), schema=schema, settings={"name": "rows"} | settings))[0]


def edited(store: Store) -> list[tuple[str, object]]:
    return [(edit.field, edit.value) for edit in state(store).edits]


def test_a_mark_in_a_cell_of_a_template_is_an_edit_of_its_field_and_can_be_undone(store):
    told = csv(store, f"q,a\nq1,a1\n{MARK}q2,a2\n", "qa", map={"question": "Q: {q}", "answer": "a"})
    assert told.repairs == 1 and edited(store) == [("question", "Q: q2")]
    assert state(store).records["question"].to_list() == ["Q: q1", "Q: q2"]
    undo(store, CORPUS)
    assert state(store).records["question"].to_list() == ["Q: q1", f"Q: {MARK}q2"]


def test_a_mark_in_a_gathered_cell_is_an_edit_of_the_whole_list(store):
    settings = {"map": {"question": "q", "options": "[A,B]", "correct_option_index": "right"}}
    csv(store, f"q,A,B,right\nq1,{MARK}x,y,B\nq2,x,y,A\n", "mcq", **settings)
    assert edited(store) == [("options", ["x", "y"])]
    assert state(store).records["options"].to_list() == [["x", "y"], ["x", "y"]]


def test_a_mark_in_an_answer_leaves_the_index_as_it_is(store):
    told = csv(store, f'question,options,answer\nq1,"[""x"",""{MARK}y""]",{MARK}y\nq2,"[""x"",""y""]",A\n', "mcq")
    assert (told.kept, told.repairs, told.quarantined) == (2, 0, 0)
    assert state(store).records["correct_option_index"].to_list() == [1, 0]


def test_a_mark_in_a_column_that_no_field_takes_is_no_edit(store):
    told = csv(store, f"question,answer,rest\nq1,a1,{MARK}r\n", "qa", map={"question": "question", "answer": "answer"})
    assert told.kept == 1 and {field for field, _ in edited(store)} <= set(state(store).schema.columns)


def test_a_repair_that_cannot_be_mapped_leaves_the_row_as_it_was_delivered(store):
    mapping = Mapping({"question": "q", "answer": "a"})
    schema = load_schema(store.workspace.schema_file("qa"))
    record = Record({"q": "why", "a": "so"}, Origin(0, 0, 1), (Repair("q", ["no", "text"], "a wrong one"),))
    with Intake(schema.types, (), store.objects) as intake:
        fill(intake, [record], applied(mapping, fields_of(schema)))
        assert intake.height == 1 and not len(intake.rejects) and intake.repaired == {}
