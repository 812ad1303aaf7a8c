"""The append-only log: one SQLite table that nothing ever updates, with a hash chain for integrity."""

from __future__ import annotations

import getpass
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.errors import CorruptionError, OutsideError
from workbench.fingerprint import canonical, digest, digest_bytes
from workbench.workspace import out_of_space

GENESIS = "0" * 64
BUSY_SECONDS = 30
_WRITABLE = "is there space, and may you write there? nothing is lost"

# TRUNCATE and EXTRA: with WAL every SQLite before 3.51.3 can lose commits when two connections checkpoint at
# the same moment, and with FULL the folder entry of the journal is not synced.
_OPEN = """
PRAGMA journal_mode = TRUNCATE;
PRAGMA synchronous = EXTRA;
CREATE TABLE IF NOT EXISTS log(
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    kind TEXT NOT NULL,
    corpus TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    body_digest TEXT NOT NULL,
    chain TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS log_subject ON log(corpus, kind, subject, seq);
CREATE TRIGGER IF NOT EXISTS log_is_never_updated BEFORE UPDATE ON log
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS log_is_never_deleted BEFORE DELETE ON log
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the log."""

    seq: int
    at: str
    who: str
    kind: str
    corpus: str
    subject: str
    """What the row is about: a record id, a source name, a version id, a ref's name."""
    body: dict[str, Any]


Entry = tuple[str, str, str, dict[str, Any]]
"""A row to append: kind, corpus, subject, body."""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return f"uid {os.getuid()}"


class Catalogue:
    """The log of one workspace; safe for several processes at once."""

    def __init__(self, path: Path, *, clock: Callable[[], str] = _now) -> None:
        """Open the log, making it on first use."""
        self._clock = clock
        self._path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS)
            self._db.executescript(_OPEN)
        except sqlite3.OperationalError as error:
            raise OutsideError(
                f"cannot open the log {str(path)!r}: {error}", "is the disk full or read-only?"
            ) from error
        except sqlite3.DatabaseError as error:
            raise CorruptionError(f"{str(path)!r} is not a log of the workbench: {error}") from error
        if path.stat().st_mode & 0o077:
            with out_of_space(path):
                path.chmod(0o600)

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[Callable[[Entry], int]]:
        """Hold the write lock; append rows through the function given, all of them or none."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise OutsideError(f"the log is busy or cannot be written: {error}", "try again") from error
        try:
            yield self._append
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise OutsideError(f"the log could not be written: {error}", _WRITABLE) from error
        finally:
            # After a commit this does nothing, nor where a full disk has made SQLite roll back already.
            self._db.rollback()

    def append(self, *entries: Entry) -> list[int]:
        """Append rows in one transaction and return their numbers."""
        with self.transaction() as append:
            return [append(entry) for entry in entries]

    def _append(self, entry: Entry) -> int:
        kind, corpus, subject, body = entry
        last = self._db.execute("SELECT chain FROM log ORDER BY seq DESC LIMIT 1").fetchone()
        text = canonical(body).decode()
        facts = [self._clock(), _user(), kind, corpus, subject]
        hashed = digest_bytes(text.encode())
        try:
            cursor = self._db.execute(
                "INSERT INTO log(at, who, kind, corpus, subject, body, body_digest, chain) VALUES(?,?,?,?,?,?,?,?)",
                (*facts, text, hashed, chained(last[0] if last else GENESIS, facts, hashed)),
            )
        except sqlite3.OperationalError as error:
            raise OutsideError(f"the log could not be written: {error}", _WRITABLE) from error
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def rows(
        self,
        corpus: str | None = None,
        *,
        kinds: tuple[str, ...] = (),
        subject: str | None = None,
        upto: int | None = None,
    ) -> list[Row]:
        """Return log rows in order, narrowed by corpus, kinds, subject and the last number to see."""
        where: list[str] = ["1"]
        values: list[object] = []
        for column, value in (("corpus = ?", corpus), ("subject = ?", subject), ("seq <= ?", upto)):
            if value is not None:
                where.append(column)
                values.append(value)
        if kinds:
            where.append(f"kind IN ({','.join('?' * len(kinds))})")
            values += kinds
        query = f"SELECT seq, at, who, kind, corpus, subject, body FROM log WHERE {' AND '.join(where)} ORDER BY seq"
        with self._readable():
            found = self._db.execute(query, values).fetchall()
            return [
                Row(seq, at, who, kind, corpus, about, json.loads(body))
                for seq, at, who, kind, corpus, about, body in found
            ]

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise OutsideError(f"the log cannot be read: {error}", "try again") from error
        except (sqlite3.DatabaseError, ValueError) as error:
            raise CorruptionError(f"the log {str(self._path)!r} is damaged: {error}", "workbench verify") from error

    def head(self, corpus: str) -> int:
        """Return the number of a corpus' newest row, 0 where it has none."""
        query = "SELECT coalesce(max(seq), 0) FROM log WHERE corpus = ?"
        with self._readable():
            return int(self._db.execute(query, (corpus,)).fetchone()[0])

    def faults(self) -> Iterator[str]:
        """Yield what is wrong with the file, the chain and the bodies of the log, in one sentence each."""
        try:
            yield from self._faults()
        except sqlite3.DatabaseError as error:
            yield f"log: {error}"

    def _faults(self) -> Iterator[str]:
        for (finding,) in self._db.execute("PRAGMA integrity_check"):
            if finding != "ok":
                yield f"log: {finding}"
        chain, expected = GENESIS, 1
        rows = self._db.execute(
            "SELECT seq, at, who, kind, corpus, subject, body, body_digest, chain FROM log ORDER BY seq"
        )
        for seq, *facts, body, hashed, stored in rows:
            chain = chained(chain, facts, hashed)
            if seq != expected:
                yield f"log row {expected}: missing"
            if chain != stored:
                yield f"log row {seq}: the hash chain breaks here"
            if digest_bytes(body.encode()) != hashed and not _is_purged(body, hashed):
                yield f"log row {seq}: the body is not what was written"
            chain, expected = stored, seq + 1
        written = self._db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'log'").fetchone()[0]
        if written >= expected:
            yield f"log row {expected}: missing, as is everything up to row {written}"


def chained(previous: str, facts: list[str], body_digest: str) -> str:
    """Return the chain value of a row: it commits to all rows before it and to the digest of its body."""
    return digest([previous, facts, body_digest])


def _is_purged(body: str, hashed: str) -> bool:
    try:
        return bool(json.loads(body) == {"purged": hashed})
    except ValueError:
        return False
