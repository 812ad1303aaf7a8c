"""Facts about comparing two tables: records are matched by id, and only equal texts are compared."""

from __future__ import annotations

import pytest

from tests.unit.evaluation.tables import row, table
from workbench.evaluation.compare import by_source, compared, join, per_token, worst


def test_records_are_matched_by_id_whatever_their_order() -> None:
    one = table([row(record="a", nll=1.0), row(record="b", nll=2.0), row(record="only")])
    other = table([row(record="b", nll=4.0), row(record="new"), row(record="a", nll=3.0)])
    joined = join(one, other)
    assert joined.one["record"].to_pylist() == joined.other["record"].to_pylist() == ["a", "b"]
    assert joined.other["nll"].to_pylist() == [3.0, 4.0]
    assert (joined.only_one, joined.only_other, joined.changed) == (["only"], ["new"], [])


def test_a_record_that_changed_between_is_not_compared() -> None:
    one = [row(record="a"), row(record="b"), row(record="c", reference=None, bytes=8), row(record="d")]
    other = [row(record="a"), row(record="b", reference="Lyon"), row(record="c", reference=None, bytes=9), one[3]]
    joined = join(table(one), table(other), frozenset({"d"}))
    assert joined.one["record"].to_pylist() == ["a"] and joined.changed == ["b", "c", "d"]


def test_what_counts_tokens_is_not_compared_across_tokenizers() -> None:
    assert per_token() == ["perplexity", "response_perplexity", "mean_of_exp_perplexity"]


def test_each_metric_has_both_values_and_their_difference() -> None:
    found = compared(table([row()] * 3), table([row(nll=1.0)] * 3), {"perplexity": "why"}, ["perplexity", "f1"])
    assert list(found) == ["perplexity", "f1"]
    assert found["perplexity"]["difference"] == {"value": None, "reason": "why"}
    assert (found["f1"]["one"], found["f1"]["other"], found["f1"]["difference"]["value"]) == (1.0, 1.0, 0.0)


def test_sources_are_compared_each_for_itself() -> None:
    one = table([row(source="s"), row(source="s"), row(source="t")])
    other = table([row(source="s", prediction="no"), row(source="s"), row(source="t")])
    found = by_source(one, other, {})
    assert {name: part["records"] for name, part in found.items()} == {"s": 2, "t": 1}
    assert [found[name]["metrics"]["em"]["other"] for name in ("s", "t")] == [0.5, 1.0]
    assert by_source(table([row()]), table([row()]), {}) == {}


def test_the_worst_are_those_no_longer_answered_then_those_that_cost_more() -> None:
    one = table([row(record=name) for name in "abcd"])
    other = table(
        [
            row(record="a", nll=9.0),
            row(record="b", prediction="no"),
            row(record="c", nll=1.0),
            row(record="d", nll=3.0),
        ]
    )
    found = worst(one, other, 10)
    assert [entry["record"] for entry in found] == ["b", "a", "d"]
    assert (found[0]["lost"], found[0]["one"], found[0]["other"]) == (True, "Brest", "no")
    assert found[1]["bits_per_byte"] == pytest.approx(7 / 8 / 0.6931, rel=1e-3)
    assert [entry["record"] for entry in worst(one, other, 1)] == ["b"]
