"""Where a store holds the texts of a redaction: in objects, in raw bytes, in the log; and what stands there without."""

from __future__ import annotations

import mmap
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from workbench.errors import CorruptionError
from workbench.store import arrow_bytes
from workbench.store.catalogue import Row
from workbench.store.purged import renamed
from workbench.store.redaction import SHORTEST, Bytes, Redaction, Span, blank, plain_codec
from workbench.store.rejects import REJECTS
from workbench.store.standing import LINEAGE
from workbench.store.store import Store
from workbench.store.versions import ASSIGNMENT, named_objects

_KEPT = (
    (frozenset(LINEAGE), frozenset(LINEAGE) - {"extra"}),
    (frozenset(ASSIGNMENT) - {"tested", "texts"}, frozenset(ASSIGNMENT) - {"reason"}),
    (frozenset({"was", "now", "digest_was", "digest"}), frozenset({"id", "was", "now", "digest_was", "digest"})),
)
"""Columns that tell what a table is, and those of it that hold names and digests, which a purge leaves alone."""
_EDGE = 3
"""Characters of a text that are redacted at a passage's edge, where the passages were cut within the text."""
_TABLES = ("parquet_file", "arrow_folder")
"""Readers of files whose units have no byte spans."""


@dataclass
class Found:
    """Where a store holds the texts of a redaction, and what stands there without them."""

    seen: int
    """The newest log row when this was looked for."""
    objects: dict[str, pl.DataFrame | bytes | Bytes] = field(default_factory=dict)
    """What each object that holds a text is to become, by its name."""
    bodies: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What each log row that holds a text, or names a changed value by digest, is to say, by its number."""
    records: set[str] = field(default_factory=set)
    """Records of which a stored row or an edit holds a text."""
    torn: set[str] = field(default_factory=set)
    """Those of them that hold a part of a text only: it was cut between two passages."""
    corpora: set[str] = field(default_factory=set)
    """Corpora whose objects or log rows hold a text."""

    @property
    def empty(self) -> bool:
        """Return whether nothing was found."""
        return not self.objects and not self.bodies


class _Look:
    """One look through all objects and log rows of a store, those of all its corpora: objects can be shared."""

    def __init__(self, store: Store, redaction: Redaction) -> None:
        self.store = store
        self.redaction = redaction
        self.found = Found(store.catalogue.last())
        self.rows = store.catalogue.rows()
        self.deliveries = [row for row in self.rows if row.kind == "delivery" and "purged" not in row.body]
        self.raws = self._users(lambda body: [f"{raw}.raw" for raw in body["raw"]])
        self.segments = self._users(lambda body: body["segments"])
        self.rejects = self._users(lambda body: [body["rejects"]] if body["rejects"] else [])
        today = renamed(store.catalogue)
        self.paths = [path for path in store.objects.held() if path.name not in today and not path.is_symlink()]
        self.rids: dict[str, set[int]] = defaultdict(set)
        self.spans: dict[str, list[Span]] = defaultdict(list)
        self.filled: dict[str, Bytes] = {}
        """Raw files with filler in place of what was found."""

    def through(self) -> Found:
        raws = [path for path in self.paths if path.suffix == ".raw"]
        hits = {path.name: self._raw(path) for path in raws}
        torn = self._torn(hits)
        for path in self.paths:
            if path.suffix == ".parquet":
                self._table(path, torn)
        for path in raws:
            self._fill_units(path, hits[path.name])
        self.found.objects |= self.filled
        self._bodies()
        changed = self.found.objects.keys()
        for row in self.rows:
            if row.seq in self.found.bodies or changed & self._named(row):
                self.found.corpora.add(row.corpus)
        return self.found

    def _named(self, row: Row) -> set[str]:
        return set(self.store.objects.names(named_objects([row])))

    def _users(self, named: Callable[[dict[str, Any]], list[str]]) -> dict[str, list[Row]]:
        """Return the deliveries that name each object in one of their ways."""
        out: dict[str, list[Row]] = defaultdict(list)
        for row in self.deliveries:
            for name in self.store.objects.names(named(row.body)):
                out[name].append(row)
        return out

    def _encodings(self, users: Iterable[Row], head: bytes) -> list[str]:
        return list(dict.fromkeys(plain_codec(row.body["encoding"] or "utf-8", head) for row in users)) or ["utf-8"]

    def _raw(self, path: Path) -> list[Span]:
        """Take note of what raw bytes become where a text is found in them, and return where texts stood."""
        if _is_table(path):
            made = arrow_bytes.redacted(path.read_bytes(), self.redaction)
            if made is not None:
                self.found.objects[path.name] = made
            return []
        data = _mapped(path)
        hits = [
            hit
            for encoding in self._encodings(self.raws[path.name], bytes(data[:4]))
            for hit in self.redaction.fill(data, encoding)
        ]
        if hits:
            self.filled[path.name] = data
        return hits

    def _torn(self, hits: dict[str, list[Span]]) -> set[int]:
        """Return the stored rows whose unit holds a part of a text only: it was cut between two passages."""
        torn: set[int] = set()
        for name, spans in hits.items():
            for row in self.raws[name] if spans else ():
                if row.body["reader"] in _TABLES:
                    continue
                members = self.store.objects.table(row.body["members"])
                for start, end in spans:
                    across = (pl.col("start") < end) & (pl.col("end") > start)
                    within = (pl.col("start") <= start) & (pl.col("end") >= end)
                    torn |= set(members.filter(across & ~within)["rid"].to_list())
        return torn

    def _table(self, path: Path, torn: set[int]) -> None:
        try:
            frame = pl.read_parquet(path)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise CorruptionError(f"object {path.name!r} cannot be read", "run: workbench verify") from error
        columns = frozenset(frame.columns)
        kept = next((kept for known, kept in _KEPT if known <= columns), frozenset[str]())
        users = self.rejects[path.name] if columns == frozenset(REJECTS) else []
        encoding = self._encodings(users, b"")[0]
        made, touched = self.redaction.table(frame, kept, encoding)
        if "row_digest" in columns:
            made, edges = self._edges(made, kept, torn)
            touched |= edges
            self.found.torn |= set(frame["id"].gather(sorted(edges)).to_list())
            self.found.records |= set(frame["id"].gather(sorted(touched)).to_list())
            for corpus in {row.corpus for row in self.segments[path.name]}:
                self.rids[corpus] |= set(frame["rid"].gather(sorted(touched)).to_list())
        for row in users:
            units = frame[sorted(touched)].select("start", "end").iter_rows()
            self.spans[row.body["digest"]] += units
        if columns == frozenset(REJECTS):
            made = self._unquoted(made, touched)
        if touched:
            self.found.objects[path.name] = made

    def _edges(self, frame: pl.DataFrame, kept: frozenset[str], torn: set[int]) -> tuple[pl.DataFrame, set[int]]:
        rows = {row for row, rid in enumerate(frame["rid"]) if rid in torn} if torn else set()
        touched: set[int] = set()
        for column in frame.iter_columns() if rows else ():
            if column.name in kept or column.dtype != pl.String:
                continue
            before = column.to_list()
            after = [self._edge(value) if row in rows and value else value for row, value in enumerate(before)]
            touched |= {row for row, value in enumerate(after) if value != before[row]}
            frame = frame.with_columns(pl.Series(column.name, after, dtype=column.dtype))
        return frame, touched

    def _edge(self, value: str) -> str:
        made = value
        for form, mark in self.redaction.forms:
            sizes = range(len(form) - 1, _EDGE - 1, -1)
            head = next((k for k in sizes if made.endswith(form[:k].rstrip()) and len(form[:k].rstrip()) >= _EDGE), 0)
            made = made[: len(made) - len(form[:head].rstrip())] + mark if head else made
            tail = next(
                (k for k in sizes if made.startswith(form[-k:].lstrip()) and len(form[-k:].lstrip()) >= _EDGE), 0
            )
            made = mark + made[len(form[-tail:].lstrip()) :] if tail else made
        if made != value:
            self.redaction.note(value, made)
        return made

    def _unquoted(self, frame: pl.DataFrame, touched: set[int]) -> pl.DataFrame:
        """Return quarantined units whose reasons quote no part of a text: a reason shows only the start of a value."""
        reasons = [
            "its reason quoted what was purged" if row in touched and self._quotes(reason) else reason
            for row, reason in enumerate(frame["reason"])
        ]
        return frame.with_columns(reason=pl.Series(reasons, dtype=pl.String))

    def _quotes(self, reason: str) -> bool:
        parts = (form[at : at + SHORTEST] for form, _ in self.redaction.forms for at in range(len(form) - SHORTEST + 1))
        return any(part in reason for part in parts)

    def _fill_units(self, path: Path, hits: list[Span]) -> None:
        """Put filler over the units of a raw file that hold a text, though their bytes show none."""
        for row in self.raws[path.name]:
            if row.body["reader"] in _TABLES or len(row.body["raw"]) > 1 or _is_table(path):
                continue
            data = self.filled.get(path.name) or _mapped(path)
            codec = self._encodings([row], bytes(data[:4]))[0]
            for start, end in (span for span in self._units(row) if not _touches(span, hits)):
                before = data[start:end]
                blank(data, (start, end), codec)
                if data[start:end] != before:
                    self.filled[path.name] = data

    def _units(self, row: Row) -> Iterator[Span]:
        rids = self.rids[row.corpus]
        if rids:
            members = self.store.objects.table(row.body["members"])
            yield from members.filter(pl.col("rid").is_in(list(rids))).select("start", "end").iter_rows()
        yield from self.spans[row.body["digest"]]

    def _bodies(self) -> None:
        """Redact the log's bodies; edits, which name values by digest, come when all values are known."""
        for row in self.rows:
            if row.kind == "edit" and "purged" not in row.body:
                self.redaction.noted(row.body["value"])
        for row in self.rows:
            made = self._body(row)
            if made != row.body:
                self.found.bodies[row.seq] = made
                if row.kind == "edit":
                    self.found.records.add(row.subject)

    def _body(self, row: Row) -> dict[str, Any]:
        body: dict[str, Any] = self.redaction.value(row.body)
        name = {"edit": "before", "readmission": "unit"}.get(row.kind)
        if name is None or "purged" in body:
            return body
        return body | {name: self.redaction.digests.get(body[name], body[name])}


def _touches(span: Span, hits: list[Span]) -> bool:
    start, end = span
    return any(first < end and last > start for first, last in hits)


def _is_table(path: Path) -> bool:
    with path.open("rb") as handle:
        return arrow_bytes.is_table(handle.read(8))


def _mapped(path: Path) -> Bytes:
    """Return the bytes of a file to write over in memory alone: pages that are only looked at take none."""
    with path.open("rb") as handle:
        if not path.stat().st_size:
            return bytearray()
        return mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_COPY)


def find(store: Store, redaction: Redaction) -> Found:
    """Return where a store holds the texts; nothing is written."""
    return _Look(store, redaction).through()
