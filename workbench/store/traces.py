"""Where a store holds the texts of a redaction: in objects, in raw bytes, in the log; and what stands there without."""

from __future__ import annotations

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
from workbench.store.redaction import SHORTEST, Redaction, Span, blank, plain_codec
from workbench.store.state import LINEAGE, REJECTS
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
    objects: dict[str, pl.DataFrame | bytes] = field(default_factory=dict)
    """What each object that holds a text is to become, by its name."""
    bodies: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What each log row that holds a text, or names a changed value by digest, is to say, by its number."""
    records: set[str] = field(default_factory=set)
    """Records of which a stored row or an edit holds a text."""
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

    def through(self) -> Found:
        raws = [path for path in self.paths if path.suffix == ".raw"]
        found = {path.name: self._raw(path.name, path.read_bytes()) for path in raws}
        torn = self._torn({name: hits for name, (_, hits) in found.items()})
        for path in self.paths:
            if path.suffix == ".parquet":
                self._table(path, torn)
        for path in raws:
            self._keep_raw(path, *found.pop(path.name))
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

    def _encodings(self, users: Iterable[Row], data: bytes) -> list[str]:
        return list(dict.fromkeys(plain_codec(row.body["encoding"] or "utf-8", data) for row in users)) or ["utf-8"]

    def _raw(self, name: str, data: bytes) -> tuple[bytes | None, list[Span]]:
        """Return what raw bytes become, None where nothing was found, and where texts stood."""
        if arrow_bytes.is_table(data):
            return arrow_bytes.redacted(data, self.redaction), []
        out, hits = data, []
        for encoding in self._encodings(self.raws[name], data):
            out, more = self.redaction.raw(out, encoding)
            hits += more
        return (out if hits else None), hits

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

    def _keep_raw(self, path: Path, made: bytes | None, hits: list[Span]) -> None:
        """Take note of what a raw file becomes; a unit that holds a text, though its bytes show none, is blanked."""
        data = path.read_bytes()
        out = bytearray(data if made is None else made)
        for row in self.raws[path.name]:
            if row.body["reader"] in _TABLES or len(row.body["raw"]) > 1 or arrow_bytes.is_table(data):
                continue
            codec = self._encodings([row], data)[0]
            for start, end in self._units(row):
                if not any(first < end and last > start for first, last in hits):
                    blank(out, (start, end), codec)
        if bytes(out) != data:
            self.found.objects[path.name] = bytes(out)

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


def find(store: Store, redaction: Redaction) -> Found:
    """Return where a store holds the texts; nothing is written."""
    return _Look(store, redaction).through()
