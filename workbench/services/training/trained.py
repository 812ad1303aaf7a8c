"""How the records of a version are trained: the token X-ray of a run, or of the recipe that a corpus is due for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.lm.xray import FLAGS, WARNINGS
from workbench.recipe import Recipe, load_recipe
from workbench.services.evaluation import scored
from workbench.services.progress import Report
from workbench.services.training import xray
from workbench.services.training.preflight import last_recipe
from workbench.services.training.train import found
from workbench.store.store import Store
from workbench.store.versions import versions
from workbench.workspace import Workspace

if TYPE_CHECKING:
    from workbench.services.training.xray import XrayRow

_BEGINNING = 240
"""Characters of a record's text that a list shows at most."""


@dataclass(frozen=True)
class Asked:
    """A version and a recipe, and how a person knows them."""

    corpus: str
    version: str
    """Id of the version."""
    name: str
    recipe: Recipe


@dataclass(frozen=True)
class Counted:
    """One record of an X-ray: how many tokens it has, how many are learned, what is wrong."""

    record: str
    split: str
    tokens: int
    learned: int
    lost: int
    """Tokens cut away."""
    flags: tuple[str, ...]
    text: str
    """What it begins with."""

    @property
    def sign(self) -> str:
        """Return the mark of a flag that stops a training, or of one that does not."""
        if not self.flags:
            return ""
        return "~" if WARNINGS.issuperset(self.flags) else "!"


def asked(workspace: Workspace, corpus: str, run: str = "") -> Asked:
    """Return what a run trains; without one, the newest version with the recipe that the corpus was trained with."""
    with Store(workspace) as store:
        if run:
            folder = found(workspace, run)
            version = store.version(corpus, str(folder.facts()["version"]))
            return Asked(corpus, version.id, f"{version.name} in {folder.name}", folder.recipe())
        version, recipe = store.version(corpus), last_recipe(workspace, corpus)
        return Asked(corpus, version.id, f"{version.name} with {recipe}", load_recipe(workspace.recipe_file(recipe)))


def has_version(workspace: Workspace, corpus: str) -> bool:
    """Say whether a corpus has a version that could be trained."""
    with Store(workspace) as store:
        return bool(versions(store.catalogue, corpus))


def is_kept(workspace: Workspace, wanted: Asked) -> bool:
    """Say whether the X-ray was made before, so that `counts` is quick and loads no torch."""
    with Store(workspace) as store:
        return xray.is_kept(store, wanted.corpus, wanted.version, wanted.recipe)


def counts(workspace: Workspace, wanted: Asked, report: Report) -> tuple[Counted, ...]:
    """Return a line a record, flagged ones first, then the longest; the X-ray is made where it is not kept yet."""
    with Store(workspace) as store:
        version = store.version(wanted.corpus, wanted.version)
        folder = xray.needed_base(workspace, wanted.recipe.base, report)
        rows = xray.make(store, version, wanted.recipe, folder, report).tables()[0].to_pylist()
        texts = _beginnings(store, wanted)
    lines = (_counted(row, texts.get(row["record"], "")) for row in rows)
    return tuple(sorted(lines, key=lambda one: (not one.flags, WARNINGS.issuperset(one.flags), -one.tokens)))


def _counted(row: dict[str, Any], text: str) -> Counted:
    tokens, learned, lost = (int(row[name]) for name in ("tokens", "learned", "lost"))
    return Counted(row["record"], row["split"], tokens, learned, lost, tuple(row["flags"]), text)


def _beginnings(store: Store, wanted: Asked) -> dict[str, str]:
    version = store.version(wanted.corpus, wanted.version)
    schema = store.kept_schema(version.schema_object)
    frame = schema.derived(scored.records(store, version))
    if not schema.declared.texts:
        return {}
    texts = frame[schema.declared.texts[0]].cast(pl.String, strict=False).str.slice(0, _BEGINNING).fill_null("")
    return dict(zip(frame["id"].to_list(), texts.to_list(), strict=True))


def look(workspace: Workspace, wanted: Asked, record: str) -> XrayRow:
    """Return the tokens of one record; see `services.xray.look`."""
    with Store(workspace) as store:
        return xray.look(store, wanted.corpus, wanted.version, wanted.recipe, record)


def meaning(flag: str) -> str:
    """Return what a flag says, and whether a training is refused for it."""
    stops = "" if flag in WARNINGS else "; no training starts with it unless it is allowed by name"
    return f"{FLAGS.get(flag, 'unknown')}{stops}"
