"""Facts about a sweep's table: every number or n/a with its reason, languages beside it, and no false comparison."""

from __future__ import annotations

from workbench.cli.commands.sweep import _lines
from workbench.services.training.sweep import Variant, rows_of

NUMBERS = {"n": 5, "em": 0.25, "f1": 0.5, "languages": {"fr": {"em": 0.125, "f1": 0.75, "n": 3}}}
DONE = {"corpus": "qa", "version": "v1", "recipe": "tiny", "split": "test", "equal_precision": True}


def lines(*variants: Variant, **said: object) -> list[str]:
    return _lines({**DONE, **said, "rows": rows_of(variants)})


def test_a_row_holds_the_numbers_of_all_records_and_of_each_language():
    _, header, _, row, *_ = lines(Variant(("lora.r=8",), "run", "finished", base=NUMBERS, tuned=NUMBERS))
    assert header.split()[:4] == ["variant", "n", "EM", "F1"] and "EM fr" in header
    assert row.split()[:4] == ["lora.r=8", "5", "0.2500", "0.5000"] and row.split()[-3:] == ["0.1250", "0.7500", "run"]


def test_a_number_that_was_not_measured_is_explained_once():
    told = lines(*(Variant((f"lora.r={r}",), "run", "finished", base=NUMBERS, tuned=NUMBERS) for r in (8, 16)))
    assert [line for line in told if line.startswith("GiB: n/a (")] == ["GiB: n/a (evaluate does not measure it)"]


def test_a_variant_that_failed_says_why():
    assert "run: failed: the disk is full" in lines(Variant(("lora.r=8",), "run", "failed", "the disk is full"))


def test_variants_in_different_precision_are_not_called_comparable():
    one = Variant(("quantization.kind=none",), "run", "finished", base=NUMBERS, tuned=NUMBERS)
    assert any("precision differ" in line for line in lines(one, equal_precision=False))
    assert not any("precision differ" in line for line in lines(one))
