"""Facts about number formats: what a device lacks is taken by its nearest, and said."""

from __future__ import annotations

import pytest

from workbench.lm import precision
from workbench.lm.precision import Precision, asked_precision, difference, run_precision, runs_as
from workbench.recipe import Recipe, with_overrides

NOVEL = with_overrides(Recipe(name="n", base="b"), ["quantization.compute_dtype=bfloat16", "train.precision=float16"])


@pytest.mark.parametrize(
    ("asked", "device", "has_bfloat16", "runs"),
    [
        ("float16", "cpu", False, "bfloat16"),
        ("bfloat16", "cpu", False, "bfloat16"),
        ("float32", "cpu", False, "float32"),
        ("bfloat16", "cuda:0", False, "float16"),
        ("bfloat16", "cuda:0", True, "bfloat16"),
        ("float16", "cuda:0", True, "float16"),
    ],
)
def test_a_device_takes_the_nearest_format_it_has(monkeypatch, asked, device, has_bfloat16, runs):
    monkeypatch.setattr(precision, "_has_bfloat16", lambda: has_bfloat16)
    assert runs_as(asked, device) == runs


def test_the_loop_takes_the_format_of_the_base_unless_it_is_given_one():
    assert asked_precision(Recipe(name="a", base="b")) == Precision("bfloat16", "bfloat16")
    assert asked_precision(NOVEL) == Precision("bfloat16", "float16")
    assert run_precision(NOVEL, "cpu") == Precision("bfloat16", "bfloat16")


def test_two_formats_of_16_bits_are_not_mixed(monkeypatch):
    monkeypatch.setattr(precision, "_has_bfloat16", lambda: True)
    assert run_precision(NOVEL, "cuda:0") == Precision("bfloat16", "bfloat16")
    whole = with_overrides(NOVEL, ["train.precision=float32"])
    assert run_precision(whole, "cuda:0") == Precision("bfloat16", "float32")


def test_a_difference_is_said_and_agreement_is_not():
    said = difference(NOVEL, "cpu")
    assert "float16" in said and "bfloat16" in said and "cpu" in said
    assert difference(Recipe(name="a", base="b"), "cpu") == ""
