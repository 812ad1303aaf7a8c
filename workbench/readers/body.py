"""The bytes of a raw file as every byte reader sees them: mapped where they are many, and cut at exact offsets."""

from __future__ import annotations

import codecs
import mmap
import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from workbench.errors import OutsideError, UsageError
from workbench.readers.record import Origin, Reject

ESCAPED = "[\udc80-\udcff]"
"""Pattern of a byte that the codec could not decode: it survives decoding as a lone surrogate."""

_BOMS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
_STATEFUL = ("utf-7", "hz", "iso2022")
_MARK_EVERY = 16_384
_HEAD = 1 << 16
"""Bytes by which it is told what ends lines."""
_STRAY = 2
"""Lines that end with a carriage return, for each line feed beside them, from which on these are strays."""
MAPPED = 8 << 20
"""Bytes beyond which a file is mapped: whoever cuts a mapped file short ends the process that looks at it (SIGBUS)."""


@dataclass(frozen=True, slots=True)
class _Wide:
    """The way back from UTF-8 offsets to the offsets of a file whose own bytes cannot be scanned as ASCII."""

    raw: bytes | mmap.mmap
    codec: str
    utf8_marks: list[int]
    raw_marks: list[int]

    def offset(self, buffer: bytes | mmap.mmap, at: int) -> int:
        index = bisect_right(self.utf8_marks, at) - 1
        behind = buffer[self.utf8_marks[index] : at].decode("utf-8")
        return self.raw_marks[index] + len(behind.encode(self.codec))


@dataclass(frozen=True, slots=True)
class Body:
    """A buffer in which every ASCII byte means itself, with the way back to the offsets of the file.

    UTF-8 and single-byte encodings are the file itself. Others (UTF-16, Shift-JIS) are held as UTF-8.
    """

    buffer: bytes | mmap.mmap
    codec: str
    begin: int
    """Offset behind the byte order mark."""
    wide: _Wide | None = None

    @property
    def end(self) -> int:
        """Return the size of the buffer."""
        return len(self.buffer)

    def text(self, start: int, end: int) -> str:
        """Decode a slice; undecodable bytes become lone surrogates (`ESCAPED`) and so stay countable."""
        return self.buffer[start:end].decode(self.codec, "surrogateescape")

    def window(self, start: int, end: int) -> str:
        """Decode a slice that may end inside a character; that character is left out."""
        if self.codec != "utf-8":
            return self.text(start, end)
        last = end >= self.end
        return codecs.utf_8_decode(self.buffer[start:end], "surrogateescape", last)[0]

    def width(self, text: str) -> int:
        """Return how many bytes of the buffer a decoded text takes."""
        return len(text.encode(self.codec, "surrogateescape"))

    def origin(self, position: int, start: int, end: int) -> Origin:
        """Return the origin of a slice, in offsets of the file."""
        if self.wide is None:
            return Origin(position, start, end)
        return Origin(position, self.wide.offset(self.buffer, start), self.wide.offset(self.buffer, end))

    def reject(self, position: int, start: int, end: int, reason: str) -> Reject:
        """Return a reject that carries the slice's bytes as they stand in the file."""
        origin = self.origin(position, start, end)
        raw = self.buffer if self.wide is None else self.wide.raw
        return Reject(raw[origin.start : origin.end], origin, reason)

    def lines(self, start: int, end: int, newline: bytes) -> Iterator[tuple[int, int]]:
        """Yield the span of each line with its line end."""
        while start < end:
            stop = self.line_end(start, newline, end)
            yield start, stop
            start = stop

    def newline(self) -> bytes:
        """Return the byte that ends lines: a carriage return where they end with that alone, as in old Mac files.

        Told by the head, or by the whole file, which is read, where no line ends in the head.
        """
        told = newline_of(self.buffer[self.begin : self.begin + _HEAD])
        return told or (b"\n" if self.buffer.find(b"\n", self.begin) >= 0 else b"\r")

    def line_end(self, start: int, newline: bytes, end: int) -> int:
        """Return the offset behind the line that starts at `start`.

        Where carriage returns end lines, a stray line feed ends one too: none can stand within a row but in quotes.
        """
        stop = self.buffer.find(newline, start, end) + 1 or end
        return stop if newline == b"\n" else self.buffer.find(b"\n", start, stop) + 1 or stop

    def trimmed(self, start: int, end: int) -> int:
        """Return `end` without the line end in front of it."""
        while end > start and self.buffer[end - 1 : end] in (b"\n", b"\r"):
            end -= 1
        return end


def newline_of(head: bytes) -> bytes:
    """Return the byte that ends the lines of a file that begins like this, nothing where none ends here.

    That is a carriage return only where line feeds are a few strays among them; quoted cells may hold either.
    """
    unquoted = b"".join(head.removesuffix(b"\r").split(b'"')[::2])
    feeds, returns = unquoted.count(b"\n"), unquoted.count(b"\r") - unquoted.count(b"\r\n")
    if returns > _STRAY * feeds:
        return b"\r"
    return b"\n" if feeds else b""


def load(path: Path, encoding: str) -> Body:
    """Return the body of a file; UsageError for a missing file or an encoding that does not hold.

    Map only what nobody else writes: a file beyond MAPPED bytes must be a copy of our own.
    """
    buffer = _buffer(path)
    codec = codec_of(encoding, buffer)
    begin = len(_BOMS.get(codec, b"")) if buffer[:4].startswith(_BOMS.get(codec, b"\0none")) else 0
    if codec == "utf-8" or _one_byte_per_character(codec):
        return Body(buffer, codec, begin)
    return _transcoded(path, buffer, codec, begin)


def _buffer(path: Path) -> bytes | mmap.mmap:
    try:
        with path.open("rb") as handle:
            if os.fstat(handle.fileno()).st_size <= MAPPED:
                return handle.read()
            # Left to the garbage collector: closing by hand fails while a regex match still looks at the map.
            return mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UsageError(f"no file {path.name!r} to read", "check the path") from error
    except OSError as error:
        raise OutsideError(f"cannot open {path.name!r}: {error.strerror}", "check its permissions") from error


def codec_of(encoding: str, buffer: bytes | mmap.mmap) -> str:
    """Return the codec that a name means for these bytes; UsageError for one that no reader can use."""
    try:
        b"a".decode(encoding, "replace")
        name = codecs.lookup(encoding).name
    except (LookupError, UnicodeError) as error:
        raise UsageError(f"no text encoding named {encoding!r}", "for example: utf-8, cp1252, utf-16") from error
    if name.startswith(_STATEFUL):
        raise UsageError(f"{encoding!r} has no byte spans", "convert the file to UTF-8 first")
    if name in ("utf-16", "utf-32"):
        big = bytes(buffer[: len(_BOMS[f"{name}-be"])]) == _BOMS[f"{name}-be"]
        return f"{name}-be" if big else f"{name}-le"
    return "utf-8" if name == "utf-8-sig" else name


@lru_cache
def _one_byte_per_character(codec: str) -> bool:
    ascii_bytes = bytes(range(128))
    if ascii_bytes.decode(codec, "replace") != ascii_bytes.decode("ascii"):
        return False
    pairs = (bytes([lead, trail]) for lead in range(128, 256) for trail in (0x41, 0x80, 0xA1))
    return all(len(pair.decode(codec, "replace")) == 2 for pair in pairs)


def _transcoded(path: Path, raw: bytes | mmap.mmap, codec: str, begin: int) -> Body:
    try:
        text = raw[begin:].decode(codec)
    except UnicodeDecodeError as error:
        where = f"{path.name!r} is not {codec} at byte {begin + error.start}"
        raise UsageError(where, "name another encoding, or repair the file") from error
    utf8_marks, raw_marks = [0], [begin]
    for at in range(0, len(text), _MARK_EVERY):
        block = text[at : at + _MARK_EVERY]
        utf8_marks.append(utf8_marks[-1] + len(block.encode("utf-8")))
        raw_marks.append(raw_marks[-1] + len(_encoded(path, block, codec)))
    if raw_marks[-1] != len(raw):
        raise UsageError(f"{path.name!r} is not byte-exact as {codec}", "convert the file to UTF-8 first")
    return Body(text.encode("utf-8"), "utf-8", 0, _Wide(raw, codec, utf8_marks, raw_marks))


def _encoded(path: Path, block: str, codec: str) -> bytes:
    try:
        return block.encode(codec)
    except UnicodeEncodeError as error:
        raise UsageError(f"{path.name!r} is not byte-exact as {codec}", "convert it to UTF-8 first") from error
