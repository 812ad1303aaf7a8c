"""Facts about differences: intervals that hold, verdicts that abstain, and groups that are drawn as one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.evaluation.tables import answers, row, table
from workbench.evaluation.differences import DRAWS, bootstrap, differences


def losses(values: Any, **changed: Any) -> pa.Table:
    return table([row(nll=float(value), tokens=1, bytes=1, **changed) for value in values])


def grouped(values: Any, groups: Any) -> pa.Table:
    return table([row(nll=float(v), tokens=1, bytes=1, group=f"g{g}") for v, g in zip(values, groups, strict=True)])


def of(one: pa.Table, other: pa.Table, name: str = "bits_per_byte") -> dict[str, Any]:
    found: dict[str, Any] = differences(one, other, names=[name])[name]
    return found


def test_a_clear_gain_is_better_and_a_clear_loss_is_worse() -> None:
    drawn = np.random.default_rng(0).normal(5, 1, 40)
    better = of(losses(drawn), losses(drawn - 1))
    assert (better["verdict"], better["groups"], better["records"]) == ("better", 40, 40)
    assert better["value"] == pytest.approx(-1 / math.log(2))
    assert of(losses(drawn - 1), losses(drawn))["verdict"] == "worse"


def test_the_same_scores_differ_by_nothing_and_nobody_can_tell() -> None:
    same = of(losses([1, 2, 3, 4] * 5), losses([1, 2, 3, 4] * 5))
    assert (same["value"], same["interval"], same["p"], same["verdict"]) == (0.0, [0.0, 0.0], 1.0, "cannot tell")


def test_few_records_never_decide_however_much_they_agree() -> None:
    five = of(losses([9] * 5), losses([1] * 5))
    assert five["interval"][1] < 0 and five["verdict"] == "cannot tell" and "5 groups" in five["reason"]
    six = of(losses([9] * 6), losses([1] * 6))
    assert six["verdict"] == "better" and "reason" not in six


def test_records_of_one_group_are_one_observation() -> None:
    gain = np.random.default_rng(1).normal(0.3, 0.5, 8)
    many = np.repeat(gain, 50)
    alone = of(losses(np.full(400, 5.0)), losses(5 - many))
    together = of(grouped(np.full(400, 5.0), np.arange(400) // 50), grouped(5 - many, np.arange(400) // 50))
    assert (together["groups"], together["records"]) == (8, 400)
    widths = [found["interval"][1] - found["interval"][0] for found in (alone, together)]
    assert widths[1] > 3 * widths[0]
    assert together["value"] == pytest.approx(alone["value"])


def test_the_interval_of_a_mean_is_the_normal_one() -> None:
    gains = np.random.default_rng(2).normal(0, 1, 200)
    found = of(losses(np.full(200, 5.0)), losses(5 + gains))
    expected = 1.96 * gains.std() / math.sqrt(200) / math.log(2)
    half = (found["interval"][1] - found["interval"][0]) / 2
    assert half == pytest.approx(expected, rel=0.05)


def test_where_nothing_differs_a_verdict_is_rare() -> None:
    generator = np.random.default_rng(3)
    verdicts = [
        of(losses(generator.normal(5, 1, 10)), losses(generator.normal(5, 1, 10)))["verdict"] for _ in range(60)
    ]
    assert verdicts.count("cannot tell") >= 54


def test_the_same_call_twice_gives_the_same_numbers() -> None:
    one, other = losses(range(1, 20)), losses(range(2, 21))
    assert of(one, other) == of(one, other)


def test_both_models_are_drawn_with_the_same_groups() -> None:
    sums = np.random.default_rng(4).normal(size=(9, 2))
    one, other = bootstrap(sums, sums + 1)
    assert len(one) == DRAWS and np.allclose(other - one, 9)


def test_exact_match_asks_mcnemar_too() -> None:
    wanted = ["Brest"] * 20
    found = of(answers(["no"] * 20, wanted), answers(["Brest"] * 8 + ["no"] * 12, wanted), "em")
    assert found["mcnemar"] == {"only_one": 0, "only_other": 8, "p": pytest.approx(2 / 2**8)}
    assert found["verdict"] == "better"
    few = of(answers(["no"] * 20, wanted), answers(["Brest"] * 4 + ["no"] * 16, wanted), "em")
    assert few["interval"][0] > 0 and few["mcnemar"]["p"] == pytest.approx(2 / 2**4)
    assert few["verdict"] == "cannot tell"


def test_what_cannot_be_computed_or_compared_says_why() -> None:
    found = differences(losses([1, 2]), losses([2, 3]), {"perplexity": "the tokenizers differ"}, ["perplexity", "em"])
    assert found["perplexity"] == {"value": None, "reason": "the tokenizers differ"}
    prose = table([row(reference=None, prediction="")])
    assert "plain text" in differences(prose, prose, names=["em"])["em"]["reason"]


def test_a_loss_that_is_not_finite_gives_no_interval() -> None:
    assert of(losses([1, math.inf]), losses([1, 2]))["value"] is None


def test_a_quantile_has_a_difference_and_no_verdict() -> None:
    one, other = (table([row(first_token_seconds=s)] * 3) for s in (1.0, 0.5))
    found = of(one, other, "first_token_p50")
    assert (found["value"], found["interval"], found["verdict"]) == (-0.5, None, "cannot tell")


def test_a_count_is_no_metric_to_compare() -> None:
    assert "n" not in differences(losses([1]), losses([1]))


def test_a_corpus_score_is_drawn_too() -> None:
    wanted = [f"the lamp of tower {n} is red" for n in range(12)]
    worse = [text.replace("the lamp of", "some") for text in wanted]
    found = of(answers(worse, wanted), answers(wanted, wanted), "chrf")
    assert found["verdict"] == "better" and found["value"] > 0
