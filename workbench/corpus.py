"""A corpus as declared in `corpora/<name>/corpus.yaml`: its sources, mapping, duplicate and split settings."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from workbench.errors import UsageError
from workbench.wording import explained, yaml_fault
from workbench.workspace import out_of_space, write_text

Share = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Strict):
    """One logical source; its deliveries share name and key, whatever file they came in."""

    name: str
    path: str
    """Where the latest delivery was read from: relative to the workspace, or absolute outside of it."""
    key: tuple[str, ...] = ()
    """Raw columns that identify a row; empty means the whole row. Frozen at the first ingest."""
    reader: str | None = None
    """Reader to use; None means the detected one."""
    encoding: str | None = None
    header: bool | None = None
    chunk: Annotated[int, Field(ge=100)] | None = None
    """Plain text: wanted characters a passage; None means the reader's own."""
    map: dict[str, str] = {}
    """Schema field -> expression over raw columns; empty means as proposed."""
    where: str | None = None
    """SQL condition over the raw columns that a row must meet to be read."""
    limit: PositiveInt | None = None
    sample: PositiveInt | None = None
    """Number of rows to draw at random with `seed`; None means all."""
    seed: int = 42
    split: Literal["train", "validation", "test"] | None = None
    """Side that the whole source was delivered for: train, validation or test."""
    together: bool = False
    """Whether all rows of this source form one group, as the pages of one document do."""
    generated: str | None = None
    """Run whose model wrote this source; None means that people did. Such records stand in train or nowhere."""
    license: str | None = None
    """Licence of this source where it is not the corpus' own; None means that it is."""
    origin: str | None = None
    """Where the file was pulled from, with the commit: `hf://datasets/OWNER/NAME@COMMIT/PATH`; None: from a person."""

    @field_validator("name")
    @classmethod
    def _speakable(cls, name: str) -> str:
        # A name is part of every record's identity: two forms of one name would be two sources of the same rows.
        if not unicodedata.normalize("NFC", name).isprintable():
            raise ValueError("a source's name holds only printable characters")
        return unicodedata.normalize("NFC", name)


class DuplicateSettings(_Strict):
    """From which Jaccard on a duplicate is removed."""

    threshold: float = Field(default=0.8, ge=0, le=1)


class SplitSettings(_Strict):
    """How versions of this corpus are split."""

    seed: int = 42
    ratios: tuple[Share, Share, Share] = (0.8, 0.1, 0.1)
    counts: tuple[NonNegativeInt, NonNegativeInt, NonNegativeInt] | None = None
    keep_source_split: bool = False
    strategy: Literal["groups"] = "groups"

    @model_validator(mode="after")
    def _some_share(self) -> SplitSettings:
        if not any(self.ratios):
            raise ValueError("at least one ratio must be above 0")
        return self


class Corpus(_Strict):
    """Everything that `workbench build` needs to curate a corpus again from its raw bytes."""

    name: str
    schema_name: str
    license: str | None = None
    languages: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    duplicates: DuplicateSettings = DuplicateSettings()
    split: SplitSettings = SplitSettings()

    def source(self, name: str) -> Source | None:
        """Return the declared source of that name, or None."""
        return next((source for source in self.sources if source.name == name), None)

    def with_source(self, source: Source) -> Corpus:
        """Return the corpus with a source added, or replaced where the name is known."""
        known = self.source(source.name)
        changed = [source if old is known else old for old in self.sources] if known else [*self.sources, source]
        return self.model_copy(update={"sources": tuple(changed)})


def load_corpus(path: Path) -> Corpus:
    """Read a `corpus.yaml`; a fault is a UsageError naming the file and the key."""
    where, name = f"{path.parent.name}/{path.name}", path.parent.name
    try:
        parsed = _parsed(path.read_text(encoding="utf-8")) or {}
        if not isinstance(parsed, dict):
            raise UsageError(f"{where}: it must hold keys and values", "see the corpora that come with it")
        corpus = Corpus.model_validate({"name": name, **_renamed(parsed, "schema", "schema_name")})
    except ValidationError as error:
        first = error.errors()[0]
        # The key is called `schema` in the file.
        raise UsageError(f"{where}: {explained(first).replace('schema_name', 'schema', 1)}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{where}: not UTF-8 text", "save it as UTF-8") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{where}: not YAML: {yaml_fault(error)}") from error
    except (ValueError, TypeError, RecursionError, OSError) as error:
        raise UsageError(f"{where}: cannot be read: {' '.join(str(error).split())}") from error
    if corpus.name != name:
        raise UsageError(f"{where}: its name is {corpus.name!r}", "a corpus is named as its folder")
    return corpus


@lru_cache(maxsize=32)
def _parsed(text: str) -> object:
    return yaml.safe_load(text)


def save_corpus(corpus: Corpus, path: Path) -> None:
    """Write a `corpus.yaml` with what differs from the defaults; comments at its head stay."""
    with out_of_space(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    plain = corpus.model_dump(mode="json", exclude_defaults=True)
    text = yaml.safe_dump(_renamed(plain, "schema_name", "schema"), sort_keys=False, allow_unicode=True)
    write_text(path, _head_comments(path) + text)


def _head_comments(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
    return "".join(takewhile(lambda line: line.startswith("#") or not line.strip(), lines))


def _renamed(values: dict[str, object], old: str, new: str) -> dict[str, object]:
    # `schema` is a method name of pydantic models, so the field behind that key is called schema_name.
    return {new if key == old else key: value for key, value in values.items()}
