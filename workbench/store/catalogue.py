"""The append-only log: one SQLite table that nothing ever updates, with a hash chain for integrity."""

from __future__ import annotations

import getpass
import json
import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.errors import CorruptionError, OutsideError
from workbench.fingerprint import canonical, digest, digest_bytes
from workbench.store.mounts import refuse_network
from workbench.workspace import out_of_space

GENESIS = "0" * 64
BUSY_SECONDS = 30
_PURGED = '{"purged":'
_DAMAGED = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What a damaged file raises; SQLite quotes damaged names, which need be no UTF-8, in its messages."""
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
CREATE INDEX IF NOT EXISTS log_corpus ON log(corpus, seq);
CREATE INDEX IF NOT EXISTS log_subject ON log(corpus, kind, subject, seq);
CREATE TRIGGER IF NOT EXISTS log_is_never_deleted BEFORE DELETE ON log
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
"""
_NEVER_UPDATED = """
CREATE TRIGGER IF NOT EXISTS log_is_never_updated BEFORE UPDATE ON log
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END
"""
PURGE = "purge"
"""Kind of the rows that tell what was purged: names of objects before and after, and the bodies of other rows."""


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
        refuse_network(path)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS)
            self._db.executescript(_OPEN + _NEVER_UPDATED)
        except sqlite3.OperationalError as error:
            raise OutsideError(
                f"cannot open the log {str(path)!r}: {error}", "is the disk full or read-only?"
            ) from error
        except _DAMAGED as error:
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
        with self._writable("the log is busy or cannot be written", "try again"):
            self._db.execute("BEGIN IMMEDIATE")
        try:
            with self._writable("the log could not be written", _WRITABLE):
                yield self._append
                self._db.execute("COMMIT")
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
        cursor = self._db.execute(
            "INSERT INTO log(at, who, kind, corpus, subject, body, body_digest, chain) VALUES(?,?,?,?,?,?,?,?)",
            (*facts, text, hashed, chained(last[0] if last else GENESIS, facts, hashed)),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def rows(
        self,
        corpus: str | None = None,
        *,
        kinds: tuple[str, ...] = (),
        subjects: Collection[str] | None = None,
        upto: int | None = None,
        after: int | None = None,
    ) -> list[Row]:
        """Return log rows in order, narrowed by corpus, kinds, subjects, the last number to see and one seen before."""
        where: list[str] = ["1"]
        values: list[object] = []
        for column, value in (("corpus = ?", corpus), ("seq <= ?", upto), ("seq > ?", after)):
            if value is not None:
                where.append(column)
                values.append(value)
        for column, wanted in (("kind", kinds or None), ("subject", subjects)):
            if wanted is not None:
                where.append(f"{column} IN ({','.join('?' * len(wanted))})")
                values += wanted
        query = f"SELECT seq, at, who, kind, corpus, subject, body FROM log WHERE {' AND '.join(where)} ORDER BY seq"
        with self._readable():
            found = self._db.execute(query, values).fetchall()
            told = self._redacted() if any(str(row[-1]).startswith(_PURGED) for row in found) else {}
            return [
                Row(seq, at, who, kind, corpus, about, told[seq] if seq in told else json.loads(body))
                for seq, at, who, kind, corpus, about, body in found
            ]

    def _redacted(self) -> dict[int, dict[str, Any]]:
        """Return the bodies that stand for purged ones; a later purge may have redacted an earlier one's own row."""
        told: dict[int, dict[str, Any]] = {}
        newest_first = self._db.execute("SELECT seq, body FROM log WHERE kind = ? ORDER BY seq DESC", (PURGE,))
        for seq, body in newest_first:
            bodies = (told[seq] if seq in told else json.loads(body)).get("bodies", {})
            told = {int(number): redacted for number, redacted in bodies.items()} | told
        return told

    def _redacted_or_none(self) -> dict[int, dict[str, Any]]:
        """Return what purges redacted, nothing where the rows that tell of it cannot be read: they are named then."""
        try:
            return self._redacted()
        except (ValueError, TypeError, AttributeError):
            return {}

    def last(self) -> int:
        """Return the number of the newest row of all corpora, 0 where there is none."""
        with self._readable():
            return int(self._db.execute("SELECT coalesce(max(seq), 0) FROM log").fetchone()[0])

    def purged_since(self, seen: int) -> bool:
        """Return whether a purge of any corpus stands behind the row `seen`; only the rows behind it are looked at."""
        query = "SELECT EXISTS(SELECT 1 FROM log WHERE seq > ? AND kind = ?)"
        with self._readable():
            return bool(self._db.execute(query, (seen, PURGE)).fetchone()[0])

    def purge(self, entries: Iterable[Entry], numbers: Iterable[int], seen: int) -> bool:
        """Append purge rows and blank the bodies of other rows, in one transaction; the one change there is.

        Nothing is done, and False returned, where the log has grown beyond the row `seen`. Readers get the redacted
        bodies that the purge rows hold; the chain commits to digests of bodies and stays whole.
        """
        self._db.execute("PRAGMA secure_delete = ON")
        with self.transaction() as append:
            if self.last() != seen:
                return False
            self._db.execute("DROP TRIGGER log_is_never_updated")
            self._db.executemany(
                """UPDATE log SET body = '{"purged":"' || body_digest || '"}' WHERE seq = ?""",
                [(number,) for number in numbers],
            )
            self._db.execute(_NEVER_UPDATED)
            for entry in entries:
                append(entry)
        return True

    def vacuum(self) -> None:
        """Write the file anew without its free pages, where old bodies may still stand."""
        with self._writable("the log could not be written anew", _WRITABLE):
            self._db.execute("VACUUM")

    @contextmanager
    def _writable(self, refused: str, hint: str) -> Iterator[None]:
        """Turn what SQLite says of a write into one message: the disk refuses it, or the file is damaged.

        A ProgrammingError says neither: the log is used wrongly, and that is a fault of ours.
        """
        try:
            yield
        except sqlite3.ProgrammingError:
            raise
        except sqlite3.OperationalError as error:
            raise OutsideError(f"{refused}: {error}", hint) from error
        except sqlite3.DatabaseError as error:
            raise CorruptionError(f"the log {str(self._path)!r} is damaged: {error}", "workbench verify") from error

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError:
            raise
        except sqlite3.OperationalError as error:
            raise OutsideError(f"the log cannot be read: {error}", "try again") from error
        except (sqlite3.DatabaseError, ValueError) as error:
            raise CorruptionError(f"the log {str(self._path)!r} is damaged: {error}", "workbench verify") from error

    def head(self, corpus: str, kinds: tuple[str, ...] = ()) -> int:
        """Return the number of a corpus' newest row, of some kinds or of any, 0 where it has none."""
        query = "SELECT coalesce(max(seq), 0) FROM log WHERE corpus = ?"
        if kinds:
            query += f" AND kind IN ({','.join('?' * len(kinds))})"
        with self._readable():
            return int(self._db.execute(query, (corpus, *kinds)).fetchone()[0])

    def faults(self) -> Iterator[str]:
        """Yield what is wrong with the file, the chain and the bodies of the log, in one sentence each."""
        try:
            yield from self._faults()
        except _DAMAGED as error:
            yield f"log: {error}"

    def _faults(self) -> Iterator[str]:
        for (finding,) in self._db.execute("PRAGMA integrity_check"):
            if finding != "ok":
                yield f"log: {finding}"
        chain, expected, told = GENESIS, 1, self._redacted_or_none()
        rows = self._db.execute(
            "SELECT seq, at, who, kind, corpus, subject, body, body_digest, chain FROM log ORDER BY seq"
        )
        for seq, *facts, body, hashed, stored in rows:
            chain = chained(chain, facts, hashed)
            if seq != expected:
                yield f"log row {expected}: missing"
            if chain != stored:
                yield f"log row {seq}: the hash chain breaks here"
            text = str(body)  # a torn page gives nulls where the table allows none
            if digest_bytes(text.encode()) != hashed and not (_is_purged(text, hashed) and seq in told):
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
