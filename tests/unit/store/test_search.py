"""A search looks into lists and turns as into plain fields, and finds only what stands."""

from __future__ import annotations

import pytest

from tests.corpora import CORPUS, deliver
from workbench.services.records.editing import drop
from workbench.store.pages import Pages

MCQ = [
    {"question": f"Question {i}?", "choices": [f"red {i}", f"Green {i}", "blue", "none"], "answer": "A"}
    for i in range(3)
]
CHAT = [
    {"messages": [{"role": "user", "content": f"Hello {i}"}, {"role": "assistant", "content": f"GREEN {i}"}]}
    for i in range(3)
]


@pytest.mark.parametrize(("schema", "rows"), [("mcq", MCQ), ("chat", CHAT)])
def test_a_text_within_a_list_is_found_whatever_its_case(store, schema, rows):
    deliver(store, rows, schema=schema)
    pages = Pages(store.desk(store.corpus(CORPUS)))
    (found,) = pages.search("green 1")
    assert found.tolist() == [1]
    drop(store, CORPUS, [pages.page(found)["id"][0]])
    assert [part.tolist() for part in Pages(store.desk(store.corpus(CORPUS))).search("green")] == [[0, 2]]
