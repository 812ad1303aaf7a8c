"""An engine describes a corpus, and a version of it, in the very numbers of this process."""

from __future__ import annotations

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.corpora import CORPUS, cut, deliver, fact, facts, ids, scratch, state
from workbench.errors import DataError
from workbench.scale import content, records
from workbench.scale.engine import Engine
from workbench.scale.surface import connected
from workbench.services.checking.describe import describe
from workbench.services.records.editing import drop, edit
from workbench.store.versions import content_digest, version_id

ROWS = st.lists(
    st.builds(
        fact,
        st.integers(0, 30),
        answer=st.sampled_from(["Yes.", "no", "A long answer of its own.", "Où ?\n", " ", "Paris"]),
        context=st.one_of(st.none(), st.text(max_size=8)),
        lang=st.sampled_from(["en", "fr", None]),
    ),
    min_size=3,
    max_size=12,
)


@pytest.fixture(scope="module", autouse=True)
def _few_records_a_part():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records.slices, "__defaults__", (3,))
        patch.setattr(content, "PART", 3)
        yield


@settings(max_examples=2, phases=(Phase.explicit, Phase.generate))
@given(first=ROWS, second=ROWS)
def test_a_description_is_the_same_on_an_engine(first, second):
    pytest.importorskip("daft", reason="the extra `scale` is not installed: pip install '.[scale]'")
    connected(None, 2)
    with scratch() as store:
        engine = Engine(store.workspace.scratch, lambda line, *counts: None)
        deliver(store, first, name="one")
        edit(store, CORPUS, ids(store)[0], {"answer": "another one"})
        cut(store)
        deliver(store, second, file="two.jsonl", name="two")
        drop(store, CORPUS, [ids(store)[-1]])
        for version in (None, "v1"):
            assert describe(store, CORPUS, version, engine=engine) == describe(store, CORPUS, version)


def test_an_empty_corpus_is_described_alike(engine, store):
    deliver(store, facts(1))
    drop(store, CORPUS, ids(store))
    assert describe(store, CORPUS, engine=engine) == describe(store, CORPUS)


def test_workers_count_tokens_too(engine, store, tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    deliver(store, facts(*range(7)))
    found = describe(store, CORPUS, tokenizer=str(tmp_path), engine=engine)
    assert found == describe(store, CORPUS, tokenizer=str(tmp_path)) and found.fields[0].tokens.total == 7 * 8


def test_a_worker_with_other_packages_is_refused(engine, store, monkeypatch):
    deliver(store, facts(1))
    installed = iter([["polars 1"], ["polars 2"]])
    monkeypatch.setattr(records, "packages", lambda: next(installed))
    with pytest.raises(DataError, match="other packages"):
        describe(store, CORPUS, engine=engine)


def test_the_content_of_a_version_has_the_same_digest_on_an_engine(engine, store):
    rows = [fact(number, answer=f"é \u2028 {number}\n") for number in range(40)]
    deliver(store, rows)
    edit(store, CORPUS, ids(store)[3], {"answer": "another"})
    drop(store, CORPUS, [ids(store)[7]])
    version, seen = cut(store), state(store)
    assignment = store.objects.table(version.assignment)
    alone = content_digest(seen.records, assignment, seen.schema)
    assert content.content_digest(engine, seen, assignment, seen.schema) == alone
    assert version.id == version_id(alone, seen.schema, version.settings, None)
