"""An engine looks at stored segments as this machine does, and refuses to look with other eyes."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.corpora import deliver as delivered
from tests.corpora import fact, state
from workbench.curation.validate import record_issues
from workbench.errors import DataError
from workbench.scale import issues


def segments_of(store) -> list[Path]:
    return [store.objects.path(name) for name in state(store).segments]


def test_each_segment_has_the_issues_that_one_machine_finds(engine, store):
    delivered(store, [fact(1), fact(2, question=" ")], file="one.jsonl", name="one")
    delivered(store, [fact(3), fact(4)], file="two.jsonl", name="two")
    seen = state(store)
    found = issues.issues_of(engine, segments_of(store), seen.stored.schema, seen.schema)
    alone = [record_issues(seen.stored.filter(source=name), seen.schema) for name in ("one", "two")]
    assert [frame.rows() for frame in found.values()] == [frame.rows() for frame in alone]
    assert alone[0].height and not alone[1].height


@pytest.mark.parametrize("other", [False, True], ids=["torn", "other"])
def test_a_bad_segment_names_itself(engine, store, tmp_path, other):
    delivered(store, [fact(1)])
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(b"torn")
    if other:
        pl.DataFrame({"another": [1]}).write_parquet(torn)
    seen = state(store)
    with pytest.raises(DataError, match=r"torn\.parquet cannot be read"):
        issues.issues_of(engine, [*segments_of(store), torn], seen.stored.schema, seen.schema)


def test_a_worker_with_other_flags_is_refused(engine, store, monkeypatch):
    delivered(store, [fact(1)])
    seen = state(store)
    installed = iter([[], ["offensive words: not checked"]])
    monkeypatch.setattr(issues, "unchecked", lambda: next(installed))
    with pytest.raises(DataError, match="its packages differ"):
        issues.issues_of(engine, segments_of(store), seen.stored.schema, seen.schema)
