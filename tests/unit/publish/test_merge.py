"""A merge leaves in the front matter every word of a person's: keys, values, comments, on every push."""

from __future__ import annotations

from itertools import pairwise

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import DataError
from workbench.publish.merge import BEGIN, END, merge


def ours(version: str = "one") -> str:
    front = "license: cc-by-4.0\ntags:\n- workbench\nconfigs:\n- config_name: default\nsize_categories:\n- n<1K\n"
    return f"---\n{front}---\n\n{BEGIN}\n{version}\n{END}\n"


def twice(front: str) -> str:
    """Return the front matter after two pushes."""
    merged = merge(merge(f"---\n{front}---\n# Mine\n", ours()), ours("two"))
    return merged.split("---\n")[1]


@pytest.mark.parametrize(
    ("front", "kept"),
    [
        ("license: mit\n# chosen by the board\nfoo: bar\n", "# chosen by the board\nfoo: bar\n"),
        ("license: mit  # chosen by the board\nfoo: bar\n", "# chosen by the board\nfoo: bar\n"),
        ("license: mit\n# last\n", "# last\n"),
        ("tags:\n# of the law\n- law  # and order\n  # end\nfoo: 1\n", "# of the law\n# and order\n# end\nfoo: 1\n"),
        ("configs:\n- a: 1\n  b: {c: [1, 2]}\n\n# mine\n\nfoo: 1\n", "\n# mine\n\nfoo: 1\n"),
        ("license: >\n  mit # no comment\n\n# mine\nfoo: 1\n", "# mine\nfoo: 1\n"),
        ("license: |-  # mine\n  # text\nfoo: 1\n", "# mine\nfoo: 1\n"),
        ("license:\n# mine\nfoo: 1\n", "# mine\nfoo: 1\n"),
        ("? license\n# mine\n: mit\nfoo: 1\n", "# mine\nfoo: 1\n"),
        ("note: |\n  text\nlicense: mit\n  # mine\nfoo: 1\n", "note: |\n  text\n# mine\nfoo: 1\n"),
        ("{foo: 1, license: mit} # mine\n", "# mine\nfoo: 1\n"),
        ("base: &b [1]\nconfigs: *b  # mine\nfoo: *b\n", "base: &b [1]\n# mine\nfoo: *b\n"),
    ],
)
def test_comments_in_and_below_our_keys_survive_two_pushes(front: str, kept: str) -> None:
    known = yaml.safe_load(twice(front))
    assert twice(front).startswith(kept)
    assert known["license"] == "cc-by-4.0" and known["tags"][-1] == "workbench"


@pytest.mark.parametrize(
    "front",
    [
        "configs: &c [1]\nmine: *c\n",
        "mine: &c 1\nlicense: &c mit\nother: *c\n",
        "  foo: 1\n  bar: 2\n",
        "foo: |+\n  text\nlicense: mit\n\n\nbar: 1\n",
    ],
)
def test_a_card_that_would_lose_a_persons_value_is_refused(front: str) -> None:
    with pytest.raises(DataError, match="front matter") as caught:
        merge(f"---\n{front}---\n", ours())
    assert "README.md" in caught.value.hint


CHUNKS = st.sampled_from(
    [
        "license: mit",
        "license: mit # c1",
        "license:\n  # c2\n  mit",
        "tags: [a, b] # c3",
        "tags:\n- a # c4\n# c5\n- b",
        "configs:\n  # c6\n  - a: |\n      x # text\n    b: 1\n    # c7",
        "size_categories: 'a # text'",
        "# c8",
        "  # c9",
        "",
    ]
)
PERSONS = st.sampled_from(["# d1", "k: v # d2", "k: |\n  # text\n  more", "k:\n  # d3\n  - x\n  # d4", "k: {a: 1}"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(CHUNKS, PERSONS), max_size=7))
def test_every_comment_and_every_key_of_a_person_survives_any_number_of_pushes(chunks: list[str]) -> None:
    numbered = [chunk.replace("k:", f"k{place}:") for place, chunk in enumerate(chunks)]
    front = "".join(f"{chunk}\n" for chunk in numbered)
    before = yaml.safe_load(front) or {}
    cards = [f"---\n{front}---\n"]
    for version in ("one", "two", "three"):
        cards.append(merge(cards[-1], ours(version)))
    last = cards[-1].split("---\n")[1]
    after = yaml.safe_load(last)
    assert {key: after[key] for key in before if key.startswith("k")} == {
        key: value for key, value in before.items() if key.startswith("k")
    }
    for comment in (f"# {letter}{number}" for letter in "cd" for number in range(1, 10)):
        assert last.count(comment) == front.count(comment)
    assert all(now.split("---\n")[1] == then.split("---\n")[1] for now, then in pairwise(cards[1:]))


@pytest.mark.parametrize("front", ["date: 2024-13-45", "x: !!timestamp y", "x: !!int y", "[" * 5000])
def test_front_matter_that_trips_its_own_reader_is_one_sentence(front: str) -> None:
    with pytest.raises(DataError, match="not a YAML mapping"):
        merge(f"---\n{front}\n---\n", "---\nlicense: mit\n---\n")
