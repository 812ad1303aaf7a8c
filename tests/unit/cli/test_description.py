"""A description in a terminal: aligned, within 80 columns, and safe."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from tests.corpora import CORPUS, cut, deliver, fact
from workbench.cli.description import bar, compact, drawn, sparkline
from workbench.cli.main import app
from workbench.cli.output import short
from workbench.curation.measures import Share, Shares
from workbench.errors import UsageError
from workbench.services.checking.describe import describe
from workbench.services.checking.sections import Bars, Section, sections
from workbench.store.store import Store

HOSTILE = "\x1b[2J\u202e" * 40 + "wide name of a language that nobody speaks"


def test_no_line_is_over_80_columns_and_none_steers_the_terminal(store):
    deliver(store, [fact(i, lang=HOSTILE if i % 3 else "en", answer="\x1b[2JYes") for i in range(40)])
    cut(store)
    lines = list(drawn(HOSTILE, sections(describe(store, CORPUS))))
    assert max(map(len, lines)) <= 80 and sum("␛" in line for line in lines[1:]) >= 3
    assert not [c for line in lines for c in line if unicodedata.category(c) in ("Cc", "Cf")]


def test_values_that_are_not_listed_are_counted():
    shares = Shares(12, tuple(Share(f"v{i}", 1, 1 / 12) for i in range(12)))
    lines = list(drawn("x", [Section("Sources", (), (Bars("source", shares, "records"),))]))
    assert "v9" in lines[-2] and lines[-1] == "  and 2 more: see --json or --html"


def test_no_records_have_no_shares():
    lines = list(drawn("x", [Section("Sources", (), (Bars("source", Shares(0, ()), "records"),))]))
    assert lines[-1] == "  source: n/a (no records)"


@given(st.floats(0, 1))
def test_a_bar_is_as_long_as_its_share_and_shows_what_is_there(share):
    assert abs(len(bar(share)) - 24 * share) <= 1 and bool(bar(share)) == (share > 0)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=10))
def test_a_sparkline_has_a_sign_for_every_bin_and_a_blank_for_empty_ones(counts):
    drawing = sparkline(counts)
    assert len(drawing) == len(counts) and [sign == " " for sign in drawing] == [count == 0 for count in counts]
    assert all(drawing[counts.index(max(counts))] == "█" for _ in [0] if max(counts))


@given(st.floats(0, 10**9))
def test_a_compact_number_takes_at_most_six_columns(value):
    assert len(compact(value)) <= 6


@pytest.mark.parametrize(("value", "told"), [(3, "3"), (3.25, "3.2"), (1234, "1,234"), (56789, "56.8k"), (2e6, "2.0M")])
def test_a_compact_number_keeps_what_matters(value, told):
    assert compact(value) == told


def test_short_text_counts_what_is_shown():
    assert len(short("\u202e" * 10, 20)) == 20 and short("abc", 3) == "abc"


def said(store: Store, *arguments: object) -> Result:
    """Return what the command answers, in this process; an error it ends with is in `exception`."""
    return CliRunner().invoke(app, ["describe", *map(str, arguments), "--workspace", str(store.workspace.root)])


def test_the_command_prints_one_object_and_writes_a_page_once(store, tmp_path):
    deliver(store, [fact(i) for i in range(3)])
    file = tmp_path / "page.html"
    told = json.loads(said(store, "--html", file, "--json").stdout)
    assert told["records"] == 3 and told["balance"] == {"reason": "not split yet", "value": None}
    before = file.read_bytes()
    refused = said(store, "--html", file)
    assert isinstance(refused.exception, UsageError) and "--force" in refused.exception.hint and not refused.stdout
    deliver(store, [fact(i) for i in range(4)])
    assert said(store, "--html", file, "--force").exit_code == 0 and file.read_bytes() != before


def test_a_version_is_named_after_the_corpus(store):
    deliver(store, [fact(i) for i in range(20)])
    version = cut(store)
    deliver(store, [fact(i) for i in range(22)])
    now, then = (json.loads(said(store, name, "--json").stdout) for name in (CORPUS, f"{CORPUS}@v1"))
    assert (now["records"], now["version"], now["splits_of"]) == (22, None, version.id)
    assert (then["records"], then["version"]) == (20, version.id)
