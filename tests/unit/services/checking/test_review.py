"""Facts about the review queue: who waits and why, who left it, and what brings one back."""

from __future__ import annotations

import json
import math

import pytest

from tests.corpora import CORPUS, by_question, cut, deliver, fact, facts, ids, long_fact, near, scratch, sides
from tests.runs import both, scored_run
from workbench.errors import UsageError
from workbench.services.checking.review import QUEUE, accept, accept_all, queue, reasons, why
from workbench.services.records.editing import edit
from workbench.services.records.marks import REVIEW, marks
from workbench.services.records.undo import undo


def trained(store, version):
    return sorted(record for record, side in sides(store, version).items() if side == "train")


def measured(store, version, far=9.0):
    """Score the trained records: all alike but the first, whose loss lies far above."""
    rows = trained(store, version)
    losses = {record: far if place == 0 else 2.0 + place / 100 for place, record in enumerate(rows)}
    run = scored_run(
        store, version, "one", [r for record in rows for r in both(record, tuned=losses[record])], split="train"
    )
    return run, rows


def test_without_faults_nothing_waits():
    with scratch() as store:
        deliver(store, facts(*range(12)))
        found = queue(store, CORPUS)
        assert (found.rows.height, found.records, found.run) == (0, 12, None)
        assert dict(found.rows.schema) == QUEUE


def test_a_high_loss_waits_and_is_explained():
    with scratch() as store:
        deliver(store, facts(*range(20)))
        _, rows = measured(store, cut(store))
        found = queue(store, CORPUS)
        (row,) = found.rows.to_dicts()
        assert (found.run, row["record"]) == ("one", rows[0])
        assert row["score"] == pytest.approx(1 + math.log2(row["loss"]))
        assert math.prod(weight for weight, _ in why(row)) == pytest.approx(row["score"])
        said = why(row)[1][1]
        assert "where 0.52 is usual for its length" in said and said.endswith("deviations above)")
        json.dumps(found.plain(5), allow_nan=False)


@pytest.mark.parametrize(
    ("loss", "usual", "said"),
    [
        (3632.0, 0.01, ": its like are learned by heart"),
        (3632.0, 0.40, "(over 100 deviations above)"),
        (12.3, 0.40, "(12.3 deviations above)"),
        (-0.7, 0.01, "(0.7 deviations below)"),
    ],
)
def test_a_loss_is_told_in_words_that_can_be_read(loss, usual, said):
    row = {"severity": None, "loss": loss, "tuned": 0.47, "usual": usual, "cluster": 1, "kind": None}
    weights = dict.fromkeys(("severity_weight", "loss_weight", "cluster_weight"), 1.0)
    found = why(row | weights)[1][1]
    assert (
        found
        == f"loss 0.47 nats a token, where {usual:.2f} is usual for its length{said if said[0] == ':' else ' ' + said}"
    )


def test_weights_multiply_and_errors_come_first():
    with scratch() as store:
        deliver(store, [*facts(*range(20)), fact(90, answer="")])
        empty = by_question(store)[fact(90)["question"]]
        _, rows = measured(store, cut(store))
        found = queue(store, CORPUS).rows
        assert set(found["record"]) == {rows[0], empty}
        errors = found.filter(record=empty).row(0, named=True)
        assert (errors["severity_weight"], errors["loss"], errors["score"]) == (4.0, None, 4.0)


def test_a_contradiction_waits_with_the_size_of_its_cluster_and_a_plain_twin_does_not():
    twin = long_fact(1)
    with scratch() as store:
        deliver(
            store,
            [
                *facts(*range(30, 40)),
                twin,
                near(twin, "more"),
                long_fact(2),
                long_fact(2, answer="quite other words here"),
            ],
        )
        found = queue(store, CORPUS)
        assert set(found.rows["kind"]) == {"conflict"} and set(found.rows["cluster"]) == {2}
        assert found.rows["cluster_weight"].to_list() == [2.0] * found.rows.height
        assert found.leaving == 1


def test_the_queue_can_go_by_the_losses_alone():
    with scratch() as store:
        deliver(store, [*facts(*range(20)), fact(90, answer="")])
        run, rows = measured(store, cut(store))
        by_loss = queue(store, CORPUS, by="loss")
        assert (by_loss.run, by_loss.by, by_loss.rows.height) == (run.name, "loss", len(rows))
        assert by_loss.rows["record"][0] == rows[0] and by_loss.rows["loss"].is_sorted(descending=True)
        gap = queue(store, CORPUS, by="gap").rows.row(0, named=True)
        assert gap["record"] == rows[0] and reasons(gap)[0].startswith("improved by ")
        assert queue(store, CORPUS, by="memorised").rows.is_empty()
        with pytest.raises(UsageError, match="no order named 'size'"):
            queue(store, CORPUS, by="size")


def test_what_a_run_knows_by_heart_is_listed_cheapest_first():
    with scratch() as store:
        deliver(store, facts(*range(20)))
        version = cut(store)
        known = trained(store, version)[:3]
        told = [both(record, tuned=3.0 - n, prediction="yes") for n, record in enumerate(known)]
        scored_run(store, version, "one", [row for rows in told for row in rows], split="train")
        found = queue(store, CORPUS, by="memorised").rows
        assert found["record"].to_list() == known[::-1]
        assert reasons(found.row(0, named=True)) == ["given word for word, at 0.250 nats a token"]


def test_an_order_by_losses_needs_a_measured_run():
    with scratch() as store:
        deliver(store, facts(*range(20)))
        with pytest.raises(UsageError, match="no run of 'facts' was measured on train"):
            queue(store, CORPUS, by="loss")


def test_an_accepted_record_stays_out_until_it_changes_or_the_verdict_is_taken_back():
    with scratch() as store:
        deliver(store, facts(*range(20)))
        _, rows = measured(store, cut(store))
        assert accept(store, CORPUS, rows[0][:12]) == rows[0]
        accept(store, CORPUS, rows[0])
        assert len(store.catalogue.rows(CORPUS, kinds=("review",))) == 1
        found = queue(store, CORPUS)
        assert (found.rows.height, found.accepted) == (0, 1)
        undo(store, CORPUS)
        assert queue(store, CORPUS).rows.height == 1
        accept(store, CORPUS, rows[0])
        edit(store, CORPUS, rows[0], {"answer": ""})
        assert queue(store, CORPUS).rows["rule"].to_list() != []


def test_a_loss_counts_no_more_once_the_record_was_edited():
    with scratch() as store:
        deliver(store, facts(*range(20)))
        _, rows = measured(store, cut(store))
        edit(store, CORPUS, rows[0], {"answer": "another answer altogether"})
        found = queue(store, CORPUS)
        assert (found.rows.height, found.stale) == (0, 1)


def test_a_run_of_another_corpus_or_without_scores_is_refused():
    with scratch() as store:
        deliver(store, facts(*range(20)))
        run, _ = measured(store, cut(store))
        with pytest.raises(UsageError, match="no scores of its test split"):
            queue(store, CORPUS, "one", "test")
        run.facts_file.write_text(json.dumps(run.facts() | {"corpus": "elsewhere"}))
        with pytest.raises(UsageError, match="trains 'elsewhere'"):
            queue(store, CORPUS, "one")
        assert queue(store, CORPUS).run is None


def test_where_one_of_several_is_not_found_none_is_accepted():
    with scratch() as store:
        deliver(store, facts(1, 2, 3))
        first, second, _ = ids(store)
        with pytest.raises(UsageError, match="no record starts with"):
            accept_all(store, CORPUS, [first, "f" * 32])
        assert marks(store, CORPUS, REVIEW) == []
        assert accept_all(store, CORPUS, [first[:12], second]) == [first, second]
