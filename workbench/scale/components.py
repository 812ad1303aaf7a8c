"""Connected components over an engine: edges in shards become stars, whose centres are the smallest members.

forest  shard of edges -> a star for each of its own components
large   node -> its larger neighbours, tied to the smallest one that it knows
small   node -> its smaller neighbours and itself, tied to the smallest one

Large and small alternate until a round finds nothing to tie anew: "Connected Components in MapReduce and Beyond",
SoCC 2014, section 4, where rounds grow with the logarithm of the edges. The forest is a combiner before the first.

No worker holds more than one shard of edges, or the neighbours of some nodes. The smallest member of a component is
the neighbour of all others in the end, so a giant component lies on one worker, with 32 bytes a member.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.curation.components import components
from workbench.scale.engine import Engine
from workbench.scale.shards import SHARD, Parts
from workbench.scale.surface import Plan

_EDGES = dict.fromkeys(("part", "one", "other"), pl.Int64)
_ENDS = {"part": pl.Int64, "node": pl.Int64, "near": pl.Int64, "loose": pl.Boolean}
"""An edge as its end `node` sees it; `loose` tells whether the round that tied it found anything to do there."""


def components_of(engine: Engine, edges: Sequence[Path], size: int) -> NDArray[np.int64]:
    """Return just what `curation.components.components` returns of the edges in some Parquet files.

    These hold `part` (which edges are looked at together first), `one` and `other`. What comes here is one number for
    each thing that has an edge, never the edges.
    """
    label = np.arange(size)
    if not edges:
        return label
    with engine.folder() as folder:
        for star in Parts(tuple(_stars(engine, edges, -(-size // SHARD), folder)), ("node", "near")):
            node, centre = star["node"].to_numpy(), star["near"].to_numpy()
            leaf = centre < node
            label[node[leaf]] = centre[leaf]
    return label


def _stars(engine: Engine, edges: Sequence[Path], parts: int, folder: Path) -> list[Path]:
    """Return the files of the edges between each thing and the smallest one of its component, seen from both ends."""
    forest = Plan.read(edges, parts, _EDGES, engine.marks()).grouped("part", partial(_forest, parts=parts), _ENDS)
    tied = engine.ran("looking for what hangs together", forest, folder)
    loose = True
    while loose:
        large = Plan.read(tied, parts, _ENDS, engine.marks()).grouped("part", partial(_large, parts=parts), _ENDS)
        again = large.grouped("part", partial(_small, parts=parts), _ENDS)
        tied = engine.ran("following what hangs together", again, folder)
        loose = any(part["loose"].any() for part in Parts(tuple(tied), ("loose",)))
    return tied


def _forest(edges: pl.DataFrame, parts: int) -> pl.DataFrame:
    """Return a star for each component of some edges alone: never more edges than they have nodes."""
    ends = edges["one"].to_numpy(), edges["other"].to_numpy()
    nodes, place = np.unique(np.concatenate(ends), return_inverse=True)
    centre = nodes[components(len(nodes), *np.split(place, 2))]
    leaf = centre < nodes
    return _seen_from_both(pl.DataFrame({"node": nodes[leaf], "near": centre[leaf], "loose": True}), parts)


def _large(ends: pl.DataFrame, parts: int) -> pl.DataFrame:
    """Tie each node's larger neighbours to the smallest of its neighbours and itself."""
    least = pl.min_horizontal(pl.col("near").min().over("node"), "node")
    larger = ends.select("node", "near", least=least).filter(pl.col("near") > pl.col("node"))
    return larger.select(
        part=pl.col("near") % parts, node="near", near="least", loose=pl.col("least") < pl.col("node")
    ).unique()


def _small(ends: pl.DataFrame, parts: int) -> pl.DataFrame:
    """Tie each node, and its smaller neighbours, to the smallest of these: all that stand here are smaller."""
    least = pl.col("near").min().over("node")
    several = pl.col("near").max().over("node") > least
    seen = ends.with_columns(least=least, loose=pl.col("loose").any().over("node") | several)
    own = seen.select("node", "least", "loose")
    others = seen.select("least", "loose", node="near").filter(pl.col("node") > pl.col("least"))
    tied = pl.concat([own, others.select(own.columns)]).unique()
    return _seen_from_both(tied.select("node", "loose", near="least"), parts)


def _seen_from_both(tied: pl.DataFrame, parts: int) -> pl.DataFrame:
    turned = tied.select(node="near", near="node", loose="loose")
    both = pl.concat([tied.select(turned.columns), turned])
    return both.select("node", "near", "loose", part=pl.col("node") % parts)
