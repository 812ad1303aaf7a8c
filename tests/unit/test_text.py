"""Nothing that is shown can steer a terminal."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.text import MARKERS, counted, folded, nfc, show

STEERING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
HOSTILE = st.text(st.characters() | st.sampled_from("\x1b\x9b\x9d\x07\x08\r\n\t\u202e\u2066\u200f\ufeff"), max_size=60)


def test_no_character_of_unicode_passes_that_steers():
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    shown = show(everything)
    assert not STEERING.search(shown)
    assert not {unicodedata.category(letter) for letter in shown} & {"Cc", "Cs", "Zl", "Zp"}


@given(HOSTILE)
@settings(max_examples=200, deadline=None)
def test_a_shown_line_stays_one_line_and_encodes(text):
    shown = show(text)
    assert not STEERING.search(shown)
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")


@given(HOSTILE)
@settings(max_examples=200, deadline=None)
def test_lines_keeps_newlines_and_tabs_only(text):
    shown = show(text, lines=True)
    assert not STEERING.search(shown.replace("\n", "").replace("\t", ""))
    assert shown.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    "attack",
    [
        "\x1b[2J", "\x1b]0;title\x07", "\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "\x9b31m", "a\rb", "a\x08b",
        "\u202egpj.exe", "\u2066x\u2069", "\x1bPq#0\x1b\\", "\x90x\x9c", "\x85", "\u2028",
    ],
)  # fmt: skip
def test_known_attacks_become_visible(attack):
    shown = show(attack)
    assert not STEERING.search(shown)
    assert len(shown) >= len(attack)


def test_ordinary_text_passes_unchanged():
    text = "Où est-il ? «Là-bas» — 42 % … 日本語 👍🏽 ﬁ e\u0301"
    assert show(text) == text


def test_showing_twice_changes_nothing():
    once = show("a\x1b\u202eb\n")
    assert show(once) == once


def test_the_limit_cuts_and_says_so():
    assert show("abcdef", limit=4) == "abc…"
    assert show("abcd", limit=4) == "abcd"
    assert show("a" * 10**7, limit=10) == "a" * 9 + "…"


def test_any_value_can_be_shown():
    assert show(None) == "None"
    assert not STEERING.search(show(["\x1b[31m", {"k": "\u202e"}]))


def test_folding_evens_case_blanks_and_accents_form():
    assert folded("  Straße\n\tE\u0301TÉ ") == folded("STRASSE ÉTÉ") == "strasse été"
    assert folded(" \n\t ") == ""
    assert nfc("e\u0301") == "é"


@pytest.mark.parametrize("marker", ["<s>", "</s>", "<|im_start|>", "<|eot_id|>", "<bos>", "<eos>"])
def test_literal_markers_are_known(marker):
    assert MARKERS.search(f"x {marker} y")


@pytest.mark.parametrize("text", ["<b>bold</b>", "a < s > b", "<|other|>", "s"])
def test_other_angle_brackets_are_no_markers(text):
    assert not MARKERS.search(text)


@pytest.mark.parametrize(
    ("count", "words", "read"),
    [(0, ("edit",), "0 edits"), (1, ("edit",), "1 edit"), (1204, ("record is", "records are"), "1,204 records are")],
)
def test_a_number_is_told_with_what_it_counts(count, words, read):
    assert counted(count, *words) == read
