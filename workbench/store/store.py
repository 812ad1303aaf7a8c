"""One workspace's store, opened: its log, its objects and the state of its corpora."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from workbench.corpus import Corpus, Source, load_corpus
from workbench.errors import CorruptionError, UsageError, unknown
from workbench.schema import Schema, load_schema, parse_schema
from workbench.store.catalogue import Catalogue, Entry
from workbench.store.objects import Objects
from workbench.store.state import State, state
from workbench.store.versions import Version, resolve
from workbench.workspace import Workspace

_ATTEMPTS = 5


class Store:
    """The open store of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        """Open log and objects, making them on first use."""
        self.workspace = workspace
        self.catalogue = Catalogue(workspace.catalogue)
        self.objects = Objects(workspace)

    def __enter__(self) -> Store:
        """Return the store itself; it is closed at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the log."""
        self.catalogue.close()

    def corpora(self) -> list[str]:
        """Return the corpora that are declared here or were ever ingested."""
        logged = {row.corpus for row in self.catalogue.rows(kinds=("delivery",))}
        return sorted({*self.workspace.corpora(), *logged})

    def corpus(self, name: str) -> Corpus:
        """Return a corpus as declared, with the sources that only the log knows (a crash came before the file)."""
        path = self.workspace.corpus_file(name)
        logged = {row.subject: row.body for row in self.catalogue.rows(name, kinds=("delivery",))}
        if not path.is_file() and not logged:
            raise unknown("corpus", name, self.corpora())
        newest = list(logged.values())[-1:]
        corpus = load_corpus(path) if path.is_file() else Corpus(name=name, schema_name=newest[0]["schema"])
        for source, body in logged.items():
            if corpus.source(source) is None:
                corpus = corpus.with_source(Source.model_validate(body["declared"] | {"map": body["mapping"]}))
        return corpus

    def schema(self, corpus: Corpus) -> Schema:
        """Return the schema of a corpus as its file says now."""
        return load_schema(self.workspace.schema_file(corpus.schema_name))

    def kept_schema(self, name: str) -> Schema:
        """Return the schema that an object holds, as it was when a version was made."""
        try:
            return parse_schema(self.objects.path(name).read_text(encoding="utf-8"), f"object {name}")
        except (OSError, UnicodeDecodeError) as error:
            raise CorruptionError(f"object {name!r} cannot be read", "run: workbench verify") from error

    def state(self, corpus: Corpus) -> State:
        """Return the newest state of a corpus."""
        return state(self.catalogue, self.objects, self.schema(corpus), corpus.name)

    def version(self, corpus: str, name: str = "latest") -> Version:
        """Return the version meant by a name."""
        if corpus not in self.corpora():
            raise unknown("corpus", corpus, self.corpora())
        return resolve(self.catalogue, corpus, name)

    def change(self, corpus: Corpus, prepare: Callable[[State], list[Entry]]) -> list[int]:
        """Append what `prepare` makes of the present state, again if somebody changed the corpus meanwhile."""
        for _ in range(_ATTEMPTS):
            seen = self.catalogue.head(corpus.name)
            entries = prepare(self.state(corpus))
            with self.catalogue.transaction() as append:
                if self.catalogue.head(corpus.name) == seen:
                    return [append(entry) for entry in entries]
        raise UsageError(f"corpus {corpus.name!r} is being changed by another process", "try again")
