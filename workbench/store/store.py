"""One workspace's store, opened: its log, its objects and the state of its corpora."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType

from workbench.corpus import Corpus, Source, load_corpus
from workbench.errors import CorruptionError, unknown
from workbench.schema import Schema, load_schema, parse_schema
from workbench.store.catalogue import Catalogue, Entry
from workbench.store.objects import Objects
from workbench.store.purged import renamed
from workbench.store.shelf import Shelf
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
        self.objects = Objects(workspace, lambda: renamed(self.catalogue))

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

    def state(self, corpus: Corpus, *, shelf: bool = False) -> State:
        """Return the newest state of a corpus; with a shelf its texts stay in files, see `Shelf`."""
        return state(
            self.catalogue, self.objects, self.schema(corpus), corpus.name, shelf=self.shelf if shelf else None
        )

    @property
    def shelf(self) -> Shelf:
        """Return where texts are laid down that shall not stay in memory."""
        return Shelf(self.workspace.scratch)

    def desk(self, corpus: Corpus, records: Iterable[str] | None = None) -> State:
        """Return the newest state mapped into memory, as screens and edits of single records want it.

        Where records are given, by ids or prefixes of ids, it holds no edits but theirs.
        """
        schema = self.schema(corpus)
        if records is None:
            return state(self.catalogue, self.objects, schema, corpus.name, mapped=True)
        rows = self.catalogue.rows(corpus.name, kinds=("delivery", "match", "readmission"))
        whole = State(tuple(rows), self.objects, schema, mapped=True)
        lines = {line for prefix in records for record in whole.found(prefix) for line in whole.line(record)}
        edits = self.catalogue.rows(corpus.name, kinds=("edit",), subjects=lines) if lines else []
        return whole.edited_by(edits)

    def version(self, corpus: str, name: str = "latest") -> Version:
        """Return the version meant by a name."""
        if corpus not in self.corpora():
            raise unknown("corpus", corpus, self.corpora())
        return resolve(self.catalogue, corpus, name)

    def change(
        self, corpus: Corpus, prepare: Callable[[State], list[Entry]], look: Callable[[], State] | None = None
    ) -> list[int]:
        """Append what `prepare` makes of the present state, again if somebody changed the corpus or purged meanwhile.

        `look` gives the state where a narrower one than the whole will do.
        """
        for _ in range(_ATTEMPTS):
            last, seen = self.catalogue.last(), self.catalogue.head(corpus.name)
            entries = prepare(look() if look else self.state(corpus))
            with self.catalogue.transaction() as append:
                # A purge of another corpus may concern objects of this one too.
                if self.catalogue.head(corpus.name) == seen and not self.catalogue.purged_since(last):
                    return [append(entry) for entry in entries]
        # Somebody was always faster: once more, while everybody else waits.
        with self.catalogue.transaction() as append:
            return [append(entry) for entry in prepare(look() if look else self.state(corpus))]
