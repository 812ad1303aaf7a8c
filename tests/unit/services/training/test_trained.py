"""Facts about the X-ray of a version as a screen lists it: what is trained, flagged records first, the longest next."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pyarrow as pa
import pytest

from tests.corpora import CORPUS, cut, deliver, facts, scratch, sides
from tests.runs import both, scored_run
from workbench.lm.xray import XRAY
from workbench.services.progress import silent
from workbench.services.training import trained


@dataclass(frozen=True)
class Tables:
    """Stands for an X-ray that is kept."""

    rows: list[dict[str, object]]

    def tables(self) -> tuple[pa.Table, None]:
        return pa.Table.from_pylist(self.rows, XRAY), None


def test_flagged_records_stand_first_and_each_begins_with_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    with scratch() as store:
        deliver(store, facts(1, 2, 3, 4))
        one, two, three, four = sorted(sides(store, cut(store)))
        rows = [(one, 5, []), (two, 9, []), (three, 2, ["truncated"]), (four, 3, ["no-eos", "truncated"])]
        empty = {name: 0 for name in ("learned", "lost")} | {"split": "train"}
        table = Tables([{**empty, "record": r, "tokens": n, "flags": flags} for r, n, flags in rows])
        monkeypatch.setattr(trained.xray, "needed_base", lambda *_: None)
        monkeypatch.setattr(trained.xray, "make", lambda *_: table)
        wanted = trained.asked(store.workspace, CORPUS)
        found = trained.counts(store.workspace, wanted, silent)
    assert wanted.name == "v1 with tiny"
    assert [each.record for each in found] == [four, three, two, one]
    assert [each.sign for each in found] == ["!", "~", "", ""]
    assert all(each.text for each in found)


def test_a_run_is_looked_at_with_its_own_version_and_recipe() -> None:
    with scratch() as store:
        deliver(store, facts(1, 2, 3, 4))
        first = cut(store)
        scored_run(store, first, "one", both("r"))
        deliver(store, facts(1, 2, 3, 4, 5))
        cut(store)
        wanted = trained.asked(store.workspace, CORPUS, "one")
    assert (wanted.version, wanted.name, wanted.recipe.name) == (first.id, "v1 in one", "none")
    assert json.loads(json.dumps(wanted.corpus)) == CORPUS


@pytest.mark.parametrize(("flag", "stops"), [("truncated", False), ("no-eos", True)])
def test_a_flag_says_whether_it_stops_a_training(flag: str, stops: bool) -> None:
    assert ("no training starts" in trained.meaning(flag)) is stops
