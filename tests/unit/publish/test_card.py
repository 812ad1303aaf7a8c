"""A card is made from facts alone and leaves alone what a person wrote."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exports import HOSTILE, facts
from workbench.errors import DataError
from workbench.publish.card import card, merge
from workbench.publish.facts import DataFile
from workbench.publish.merge import BEGIN, END

FILES = (
    DataFile("data/train-00000-of-00002.parquet", "train", 900, 5000, 1000, "a" * 64),
    DataFile("data/train-00001-of-00002.parquet", "train", 100, 500, 100, "b" * 64),
    DataFile("data/test-00000-of-00001.parquet", "test", 10, 50, 20, "c" * 64),
)
COLUMNS = [{"name": "question", "dtype": "string"}, {"name": "choices", "list": "string"}]


def made(**changes: object) -> str:
    return card(facts(**changes), files=FILES, features=COLUMNS)


def front(text: str) -> dict[str, object]:
    return yaml.safe_load(text.split("---\n")[1])


def test_front_matter_states_splits_sizes_and_licence():
    known = front(made())
    assert (known["license"], known["language"], known["pretty_name"]) == ("cc-by-4.0", ["en", "fr"], "quiz")
    assert known["size_categories"] == ["1K<n<10K"]
    assert [held["split"] for held in known["configs"][0]["data_files"]] == ["train", "test"]
    assert known["configs"][0]["data_files"][0]["path"] == [file.path for file in FILES[:2]]
    assert known["dataset_info"]["splits"][0] == {"name": "train", "num_bytes": 5500, "num_examples": 1000}
    assert (known["dataset_info"]["download_size"], known["dataset_info"]["dataset_size"]) == (1120, 5550)


@pytest.mark.parametrize(
    ("rows", "size"),
    [(999, "n<1K"), (1000, "1K<n<10K"), (10**6 - 1, "100K<n<1M"), (10**6, "1M<n<10M"), (10**7, "n>10M")],
)
def test_size_category_changes_at_its_limit(rows, size):
    file = DataFile("data/train-00000-of-00001.parquet", "train", rows, 1, 1, "a" * 64)
    assert front(card(facts(), files=(file,), features=COLUMNS))["size_categories"] == [size]


def test_body_states_counts_proof_sources_columns_and_duplicates():
    text = made()
    rows: tuple[str, ...] = (
        "| train | 6 | 60.0% |",
        "4 records removed as duplicates",
        "3 records excluded from all splits.",
        "- No nearly equal texts \\(Jaccard 0.6 or more\\) on two sides",
        "- The most alike pair of texts on two sides has a Jaccard of 0.41",
        "- Not checked: cross-language",
        "| train, validation and test, as shares | 0.8, 0.1, 0.1 |",
        "| question | string | text |",
        "| choices | list of string |  |",
        f"| quiz.jsonl | cc-by-4.0 | {'ab' * 32} |",
    )
    assert [row for row in rows if row not in text] == []


def test_an_unknown_licence_and_language_are_left_out():
    known = front(made(license=None, languages=()))
    assert "license" not in known and "language" not in known


def test_hostile_names_cannot_act_in_a_card():
    source = {"name": HOSTILE, "digest": "ab" * 32}
    text = made(corpus=HOSTILE, sources=(source,), settings={HOSTILE: HOSTILE}, version=HOSTILE, tool=HOSTILE)
    body = text.split("---\n", 2)[2]
    assert not set(text) & {"\x1b", "\x07", "\u202e"}
    assert "<script>" not in body
    assert (body.count(BEGIN), body.count(END)) == (1, 1)
    assert front(text)["license"] == "cc-by-4.0"


def test_merge_keeps_a_persons_text_and_keys_and_replaces_ours():
    person = (
        "---\n# chosen with care\nannotations_creators:\n- expert-generated  # me\nlicense: mit\n"
        "tags: [law]\npretty_name: My Quiz\n---\n# My Quiz\n\nWhy I made it.\n\n"
        f"{BEGIN}\nold\n{END}\n\n## Thanks\n"
    )
    merged = merge(person, made())
    known = front(merged)
    assert "# chosen with care\nannotations_creators:\n- expert-generated  # me\n" in merged
    assert (known["license"], known["pretty_name"], known["tags"]) == (
        "cc-by-4.0",
        "My Quiz",
        ["law", "workbench", "mcq"],
    )
    assert "# My Quiz\n\nWhy I made it.\n\n" in merged and merged.endswith(f"{END}\n\n## Thanks\n")
    assert "\nold\n" not in merged and "| train | 6 | 60.0% |" in merged


def test_merge_puts_our_block_below_a_text_that_has_none():
    merged = merge("# Mine\n\ntext\n", made())
    assert merged.index("# Mine") < merged.index(BEGIN)
    assert front(merged)["license"] == "cc-by-4.0"


def test_merge_follows_the_persons_line_breaks():
    merged = merge("---\r\nfoo: bar\r\n---\r\ntext\r\n", made())
    assert merged.count("\n") == merged.count("\r\n") > 10
    assert yaml.safe_load(merged.split("---\r\n")[1])["foo"] == "bar"


@pytest.mark.parametrize("broken", ["---\na: [1\n---\n", "---\n- a\n---\n"])
def test_merge_refuses_front_matter_that_is_no_mapping(broken):
    with pytest.raises(DataError, match="YAML mapping"):
        merge(broken, made())


OURS = made()
LINES = st.sampled_from(["text", "", "---", BEGIN, END, "license: mit", "foo: bar", "tags: [a]", "  - x", "\ufeff"])


@settings(max_examples=50, deadline=None)
@given(st.lists(LINES, max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_merging_twice_is_merging_once(lines, break_):
    try:
        once = merge(break_.join(lines), OURS)
    except DataError:
        return
    assert merge(once, OURS) == once
    assert once.count(BEGIN) == once.count(END) == 1


def test_text_after_a_lone_marker_is_the_persons():
    merged = merge(f"{BEGIN}\nmine\n{BEGIN}\nold\n{END}\n", made())
    assert "\nmine\n" in merged and "\nold\n" not in merged


def test_merging_a_newer_card_leaves_nothing_of_the_older_one():
    first = merge("# Mine\n", made(version="old-version"))
    assert "old-version" not in merge(first, made(version="new-version"))
