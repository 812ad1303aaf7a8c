"""An engine finds the components that this machine finds, however long the ways through them are."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.curation.components import components
from workbench.errors import OutsideError
from workbench.scale import components as spread
from workbench.scale.engine import Engine
from workbench.scale.shards import part_written

EDGES = st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), max_size=60)
Edge = tuple[int, int]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put nodes into several parts, though they are few."""
    monkeypatch.setattr(spread, "SHARD", 7)


def laid_out(engine: Engine, edges: list[Edge], several: int = 5) -> Path:
    """Return a file of edges, in several parts."""
    ends = pl.DataFrame(edges, schema={"one": pl.Int64, "other": pl.Int64}, orient="row")
    return part_written(ends.with_columns(part=pl.int_range(pl.len()) % several), engine.kept(), 0)


def found(engine: Engine, edges: list[Edge], size: int) -> list[int]:
    return spread.components_of(engine, [laid_out(engine, edges)], size).tolist()


def alone(edges: list[Edge], size: int) -> list[int]:
    one, other = np.array(edges, np.int64).reshape(-1, 2).T
    return components(size, one, other).tolist()


@given(EDGES)
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_edges_give_the_components_that_one_machine_finds(engine, edges):
    assert found(engine, edges, 40) == alone(edges, 40)


def named(nodes: int) -> list[int]:
    """Return numbers for nodes that say nothing of where they stand."""
    return random.Random(3).sample(range(nodes), nodes)


@pytest.mark.parametrize("renamed", [False, True], ids=["in order", "in no order"])
def test_a_long_chain_is_one_component_in_few_rounds(engine, told, renamed):
    name = named(300) if renamed else list(range(300))
    assert set(found(engine, [(name[i], name[i + 1]) for i in range(299)], 300)) == {0}
    assert len(told) < 14


def test_a_star_whose_middle_comes_last_is_one_component(engine):
    assert set(found(engine, [(100, i) for i in range(100)], 101)) == {0}


def test_a_giant_component_among_many_small_ones(engine):
    chance, name = random.Random(1), named(400)
    giant = [(name[chance.randrange(200)], name[chance.randrange(200)]) for _ in range(600)]
    small = [(name[i], name[i + 1]) for i in range(200, 400, 2)]
    label = found(engine, [*giant, *small], 400)
    assert label == alone([*giant, *small], 400)
    assert max(label.count(one) for one in set(label)) > 190 and len(set(label)) > 100


def test_nothing_that_hangs_together_leaves_each_thing_alone(engine):
    assert found(engine, [], 9) == found(engine, [(4, 4)], 9) == list(range(9))


def test_edges_that_cannot_be_read_name_their_file_and_leave_nothing_behind(engine, tmp_path: Path):
    def spoil(line: str) -> None:
        if line == "following what hangs together":
            for shard in tmp_path.glob("scale-*/*/*.parquet"):
                shard.write_bytes(b"torn")

    edges = laid_out(engine, [(1, 2), (2, 3)])
    with pytest.raises(OutsideError, match=r"shard .*scale-.*\.parquet cannot be read"):
        spread.components_of(Engine(tmp_path, spoil), [edges], 9)
    assert not list(tmp_path.glob("scale-*"))
