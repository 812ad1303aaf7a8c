"""Facts about the kept X-ray: found by version and recipe without a run, the same as made now, and without torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.bases import write_base
from tests.corpora import cut, deliver, facts, ids
from workbench.errors import OutsideError, UsageError
from workbench.recipe import load_recipe, with_overrides
from workbench.services.training import bases, trained, xray
from workbench.store.store import Store

LIGHT = """
import sys
from pathlib import Path
from workbench.services.training.xray import look
from workbench.store.store import Store
from workbench.workspace import Workspace
with Store(Workspace(Path(sys.argv[1]))) as store:
    print(len(look(store, "facts", "v1", "small", sys.argv[2]).tokens))
sys.exit("torch" in sys.modules or "transformers" in sys.modules)
"""


@pytest.fixture
def ready(store: Store) -> Store:
    """A version of 12 facts, a small base and a recipe on it."""
    rows = facts(*range(12))
    deliver(store, rows)
    cut(store)
    write_base(store.workspace.root / "small", [f"{row['question']} {row['answer']}" for row in rows] + ["où é €"])
    (store.workspace.root / "recipes" / "small.yaml").write_text("base: small\ntrain: {max_length: 512}\n")
    return store


def made(store: Store, *overrides: str) -> xray.Kept:
    recipe = with_overrides(load_recipe(store.workspace.recipe_file("small")), overrides)
    return xray.make(store, store.version("facts"), recipe, store.workspace.root / "small")


def test_a_record_is_shown_token_by_token_and_its_answer_is_what_is_learned(ready):
    row = xray.look(ready, "facts", "latest", "small", ids(ready)[0])
    assert (row.flags, row.cut, row.lost) == ((), False, 0)
    text = "".join(token.text for token in row.tokens)
    assert text.startswith("<s>") and text.endswith("</s>")
    learned = "".join(token.text for token in row.tokens if token.learned)
    assert learned.endswith("</s>") and 0 < row.learned < len(row.tokens)
    assert [token.text for token in row.tokens if token.special][-1] == "</s>"


def test_the_kept_xray_tells_the_same_as_one_made_now(ready):
    records = ids(ready)[:2]
    now = [xray.look(ready, "facts", "v1", "small", record) for record in records]
    assert not xray.is_kept(ready, "facts", "v1", "small")
    made(ready)
    assert xray.is_kept(ready, "facts", "v1", "small")
    assert [xray.look(ready, "facts", "v1", "small", record) for record in records] == now


def test_a_kept_record_is_read_without_torch(ready):
    made(ready)
    asked = [sys.executable, "-c", LIGHT, str(ready.workspace.root), ids(ready)[0]]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and int(done.stdout) > 4, done.stderr


def test_only_what_changes_a_record_makes_another_xray(ready):
    first = made(ready)
    assert made(ready, "train.learning_rate=1e-3", "lora.r=4") == first
    others = {made(ready, setting) for setting in ("train.max_length=64", "train.completion_only=false")}
    assert first not in others and len(others) == 2


def test_a_letter_of_several_tokens_is_shown_once_and_whole(store):
    deliver(store, [{"question": "où? 😀 é", "answer": "là € \ufffd."}, *facts(*range(9))])
    cut(store)
    write_base(store.workspace.root / "small", ["plain words alone"] * 9)
    (store.workspace.root / "recipes" / "small.yaml").write_text("base: small\n")
    record = next(
        i for i, q in store.state(store.corpus("facts")).records.select("id", "question").iter_rows() if "😀" in q
    )
    row = xray.look(store, "facts", "v1", "small", record)
    text = "".join(token.text for token in row.tokens)
    assert text.count("😀") == 1 and "où?" in text and "là €" in text


def test_a_record_of_no_split_is_a_usage_error(ready):
    with pytest.raises(UsageError, match="trains no record"):
        xray.look(ready, "facts", "v1", "small", "0" * 32)


def test_the_summary_counts_what_is_cut_away(ready):
    whole = xray.summary(made(ready).tables()[0])
    short = xray.summary(made(ready, "train.max_length=16").tables()[0])
    assert whole["lost"] == 0 and whole["truncated"] == 0 and whole["flags"] == {}
    assert short["truncated"] == short["records"] == 12 and 0.5 < short["lost"] < 1
    assert short["tokens"] == {"p50": 16, "p95": 16, "max": 16}


def test_only_the_newest_few_are_kept(ready, monkeypatch):
    monkeypatch.setattr(xray, "_REMEMBERED", 2)
    lengths = (64, 65, 66)
    kept = [made(ready, f"train.max_length={length}") for length in lengths]
    assert [one.xray.is_file() for one in kept] == [one.tokens.is_file() for one in kept] == [False, True, True]


@pytest.mark.parametrize("which", ["xray", "tokens"])
def test_a_kept_xray_that_a_power_cut_tore_is_made_again(ready, which):
    whole = made(ready)
    tables = whole.tables()
    torn = getattr(whole, which)
    torn.write_bytes(torn.read_bytes()[:-9])
    assert not xray.is_kept(ready, "facts", "v1", "small")
    assert made(ready).tables() == tables


def test_a_look_fetches_no_base(ready, monkeypatch):
    monkeypatch.setattr(bases, "fetch", lambda *_: pytest.fail("gigabytes for a look"))
    recipe = with_overrides(load_recipe(ready.workspace.recipe_file("small")), ["base=nobody/nothing-at-all"])
    with pytest.raises(OutsideError, match="not on this machine"):
        xray.look(ready, "facts", "v1", recipe, ids(ready)[0])
    with pytest.raises(OutsideError, match="not on this machine"):
        trained.counts(ready.workspace, trained.Asked("facts", "v1", "v1", recipe), lambda *_: None)
