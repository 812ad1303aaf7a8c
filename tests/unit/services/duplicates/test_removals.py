"""The ledger tells of each removal for whom it goes and what differs; the proof sheet what came close."""

from __future__ import annotations

from typer.testing import CliRunner

from tests.corpora import by_question, cut, deliver, fact, facts, ids, long_fact, near, state, words
from workbench.cli.main import app
from workbench.curation.sides import Stood
from workbench.services.checking.curate import curate, order_of
from workbench.services.duplicates.removals import CHANGES, Change, changed, method, read_by, removals
from workbench.services.duplicates.verdicts import verdicts_of
from workbench.services.records.editing import edit
from workbench.services.versions.grouping import giant


def test_each_removal_names_the_kept_record_and_the_words_that_differ(store):
    deliver(store, [long_fact(1), near(long_fact(1), "tail"), *facts(5, 6), fact_again := facts(5)[0] | {"copy": 1}])
    assert fact_again["question"] == facts(5)[0]["question"]
    exact, near_one = sorted(removals(curate(store, "facts")), key=lambda one: one.kind)
    named = by_question(store)
    assert (near_one.kind, near_one.record) == ("near", named[long_fact(1)["question"]])
    assert near_one.kept == named[near(long_fact(1), "tail")["question"]]
    assert near_one.changes == (Change("", "tail"),) and 0.8 < near_one.jaccard < 1
    assert (exact.kind, exact.jaccard, exact.changes) == ("exact", 1.0, ())


def test_changes_are_capped():
    one, other = words("one", 3 * CHANGES).split(), words("one", 3 * CHANGES).split()
    other[::2] = words("other", len(other[::2])).split()
    assert len(list(changed(" ".join(one), " ".join(other)))) == CHANGES
    (long,) = changed("x" * 5000, "y")
    assert len(long.removed) < 5000 and long.kept == "y"


def test_a_change_at_the_end_of_a_long_text_is_shown():
    long = words("long", 5000)
    assert list(changed(f"{long} alpha", f"{long} omega")) == [Change("alpha", "omega")]
    assert list(changed(long, f"{long} omega")) == [Change("", "omega")]


def test_as_many_removals_are_told_as_are_asked_for(store):
    deliver(store, [long_fact(1), *(long_fact(1, copy=i) for i in range(3))])
    curated = curate(store, "facts")
    assert list(removals(curated, 2)) == list(removals(curated))[:2] and len(list(removals(curated))) == 3


def test_the_valid_stay_first_then_those_edited_by_hand_then_the_longest_then_the_first_by_id(store):
    deliver(store, [fact(1), fact(2), fact(3) | {"answer": words(3, 60)}, fact(4), fact(5) | {"answer": ""}])
    by_question = dict(state(store).records.select("question", "id").iter_rows())
    plain, other, long, edited, faulty = (by_question[fact(number)["question"]] for number in range(1, 6))
    edit(store, "facts", edited, {"answer": "x"})
    edit(store, "facts", faulty, {"context": words(5, 90)})
    curated = curate(store, "facts")
    order = order_of(
        curated.records, curated.schema, curated.issues, (Stood(), Stood()), verdicts_of(curated.state)
    ).to_list()
    assert order[:2] == [edited, long] and order[4] == faulty
    assert sorted(order[2:4]) == sorted([plain, other])


def test_of_equally_good_records_the_first_by_id_stays_whichever_came_first(store):
    deliver(store, facts(*range(6)), name="z")
    deliver(store, facts(*range(6)), name="a", file="a.jsonl")
    removed = curate(store, "facts").judgement.removed
    assert removed.height == 6 and (removed["kept"] < removed["id"]).all()


def test_the_method_says_how_surely_a_pair_is_found(store):
    deliver(store, facts(1, 2))
    said = method(curate(store, "facts"))
    assert said["bands"] == {"bands": 32, "rows": 4}
    assert 0.98 < said["recall"]["0.6"] < said["recall"]["0.8"] <= 1
    assert (said["templates"], said["left_out"]) == ([], 0)


def test_a_template_is_told_to_a_person(store):
    deliver(store, [{"question": f"{words('prompt', 12)} {words(i, 8)}", "answer": words(-i, 3)} for i in range(25)])
    said = CliRunner().invoke(app, ["dedup", "facts", "--ledger", "--workspace", str(store.workspace.root)])
    assert said.exit_code == 0 and f"a template of 25 records: {words('prompt', 8)[:60]}" in said.output


def test_a_split_is_proved_without_the_template_that_the_kept_records_alone_would_not_show(store):
    one, *others = [fact(i, question=f"{words('prompt', 60)} {words(i, 60)}") for i in range(25)]
    copies = [near(one, words(("copy", i), 1)) for i in range(15)]
    deliver(store, [one, *others, *copies, *facts(*range(100, 135))])
    version = cut(store)
    assert version.counts["removed"] == 15 and version.proof["near"] == 0
    assert "a template of 40 records: 60 words" in version.proof["compared"]
    assert words("prompt", 1) not in str(version.proof)


def test_the_proof_lists_the_closest_pairs_below_the_floor(store):
    deliver(store, [fact(9 * i + k, question=f"{words(i, 30)} {words((i, k), 10)}") for i in range(8) for k in (1, 2)])
    proof = cut(store, ratios=(0.5, 0.25, 0.25)).proof
    assert proof["closest"] and all(0.3 <= jaccard < 0.6 for _, _, jaccard, _, _ in proof["closest"])
    assert all(one != other for *_, one, other in proof["closest"])
    jaccards = [pair[2] for pair in proof["closest"]]
    assert jaccards == sorted(jaccards, reverse=True)


def test_a_giant_group_names_the_value_that_made_it(store):
    rows = [long_fact(i, concept="pump" if i < 25 else f"c{i}") for i in range(40)]
    deliver(store, rows)
    found = giant(curate(store, "facts"))
    assert found is not None and found["records"] == 25 and found["share"] == 0.625
    assert found["links"] == {"the field concept": 24}
    assert found["most"] == {"reason": "the field concept", "value": "pump", "links": 24}
    assert cut(store).proof["giant"] == found


def test_a_giant_group_of_texts_names_the_pair_that_links_most(store):
    deliver(store, [near(long_fact(1), words((1, i), 1)) for i in range(25)] + facts(*range(30, 60)))
    found = giant(curate(store, "facts"))
    assert found is not None and found["most"]["reason"] == "near text"
    assert set(found["most"]["pair"]) <= set(ids(store))


def test_what_a_giant_group_was_asked_is_a_text_and_told_by_two_records(store):
    deliver(store, [pair("the same harbour" if i < 25 else words(i, 8), i) for i in range(40)], schema="preference")
    found = giant(curate(store, "facts"))
    assert found is not None and found["links"] == {"the field messages_prompt": 24}
    assert len(found["most"]["pair"]) == 2 and "harbour" not in str(found)


def pair(asked: str, number: int) -> dict[str, object]:
    turns = [("user", asked), ("assistant", words(("better", number), 6))]
    messages = [{"role": role, "content": content} for role, content in turns]
    return {"messages": messages, "rejected": words(("worse", number), 6)}


def test_small_groups_are_no_giants(store):
    deliver(store, [long_fact(i, concept="pump") for i in range(20)])
    assert giant(curate(store, "facts")) is None


def test_a_secret_is_masked_wherever_pairs_are_told(store):
    token = f"hf_{'aBc' * 12}"
    row = long_fact(1) | {"answer": f"{words('said', 8)} {token}"}
    deliver(store, [row, near(row, f"tail {token}")])
    curated = curate(store, "facts")
    told = [*read_by(curated, ids(store)).values(), *(c.kept for one in removals(curated) for c in one.changes)]
    assert len(told) == 3 and not any(token in text for text in told)
    assert all("hf_a…[39 characters]" in text for text in told)
