"""Facts about records on their way to tokens: several processes make what one makes, and say how far they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bases import write_base
from workbench.errors import Cancelled
from workbench.lm import xray
from workbench.lm.xray import Example
from workbench.recipe import Recipe
from workbench.services.progress import silent
from workbench.services.training import encoding
from workbench.services.training.encoding import encoded, processes
from workbench.training.prepare import look_through

RECIPE = Recipe(name="small", base="small")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_base(tmp_path / "small", ["Which town is far? Brest.", "Où est Nîmes ?"])


def examples(count: int) -> list[Example]:
    turns = [{"role": "user", "content": "Which town is far?"}, {"role": "assistant", "content": "Brest."}]
    sound = [Example(f"r{place}", "train", {"messages": turns}) for place in range(count)]
    return [*sound[:-1], Example("odd", "test", {"body": "no shape"})]


@pytest.mark.thorough
def test_several_processes_make_what_one_makes_and_count(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, told = examples(2 * xray.AT_ONCE + 3), []
    alone = look_through(base, RECIPE, rows)
    monkeypatch.setattr(encoding, "WORTH", 0)
    monkeypatch.setattr(encoding, "processors", lambda: 2)
    assert processes(len(rows)) == 2
    made = encoded((base, RECIPE), rows, len(rows), lambda _, done, total: told.append((done, total)))
    assert made[0].to_batches() == alone[0].to_batches() and made[1].to_batches() == alone[1].to_batches()
    assert told == [(done, len(rows)) for done in (4096, 8192, 8195)]


def test_few_records_stay_in_this_process(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "side_by_side", None)
    rows = examples(12)
    made = encoded((base, RECIPE), rows, len(rows), silent)
    alone = look_through(base, RECIPE, rows)
    assert made[0].equals(alone[0]) and made[1].equals(alone[1])
    assert [table.num_rows for table in encoded((base, RECIPE), [], 0, silent)] == [0, 0]


def test_who_gives_up_ends_the_processes(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(*_: object) -> None:
        raise Cancelled("the work was cancelled", "")

    with pytest.raises(Cancelled):
        encoded((base, RECIPE), examples(12), 12, told)


@pytest.mark.parametrize(
    ("records", "cores", "gib", "expected"),
    [(100, 8, 64, 1), (16_384, 8, 64, 4), (1_000_000, 8, 64, 8), (1_000_000, 8, 3, 3), (1_000_000, 8, 0, 1)],
)
def test_as_many_processes_as_records_processors_and_memory_are_worth(
    records: int, cores: int, gib: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Memory:
        available = gib << 30

    monkeypatch.setattr(encoding, "processors", lambda: cores)
    monkeypatch.setattr(encoding.psutil, "virtual_memory", Memory)
    assert processes(records) == expected
