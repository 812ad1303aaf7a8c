"""A view that anybody wrote to is made again, and one corpus never takes away what another one keeps."""

from __future__ import annotations

import pytest

from tests.corpora import CORPUS, deliver, facts, ids, state, write
from workbench.services.intake.ingest import Order, ingest


def views(store, corpus: str) -> list[str]:
    return sorted(path.name for path in store.workspace.cache.glob(f"view-{corpus}-*"))


@pytest.mark.parametrize("suffix", ["arrow", "npy"])
def test_a_view_that_somebody_wrote_to_is_made_again(store, suffix):
    deliver(store, facts(*range(5)))
    _ = store.desk(store.corpus(CORPUS)).view
    (path,) = store.workspace.cache.glob(f"view-{CORPUS}-*.{suffix}")
    whole = path.read_bytes()
    path.write_bytes(whole[:200] + b"\xff" * 8 + whole[208:])
    desk = store.desk(store.corpus(CORPUS))
    assert desk.delivered.equals(state(store).delivered)
    assert path.read_bytes() == whole
    assert [desk.found(record) for record in ids(store)] == [[record] for record in ids(store)]


def test_a_corpus_whose_name_begins_like_anothers_keeps_its_view(store):
    deliver(store, facts(*range(5)))
    longer = f"{CORPUS}-more"
    ingest(store, Order(longer, (write(store, facts(*range(3))),), schema="qa"))
    _ = store.desk(store.corpus(longer)).view
    kept = views(store, longer)
    _ = store.desk(store.corpus(CORPUS)).view
    deliver(store, facts(*range(6)))
    _ = store.desk(store.corpus(CORPUS)).view
    assert views(store, longer) == kept
    assert len(views(store, CORPUS)) == 2 + len(kept)
