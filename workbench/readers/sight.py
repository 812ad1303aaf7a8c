"""What a reader sees of a raw file before it claims it: the head, the tail, the encoding."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from workbench.readers.body import codec_of, newline_of
from workbench.readers.encoding import HEAD, NO_TEXT, Encoding, encoding_of

_TAIL = 4096


@dataclass(frozen=True, slots=True)
class Claim:
    """A reader's offer to read a file: the strongest one wins, and guesses are shown to a person.

    Strength 100: a magic number. 60-90: structure that is hard to meet by chance. 30-50: a plausible shape.
    10: anything that is text.
    """

    strength: int
    guesses: tuple[str, ...] = ()
    header: bool = True


@dataclass(frozen=True, slots=True)
class Sight:
    """The head and tail of one file, or a folder (with everything but the path empty)."""

    path: Path
    head: bytes = b""
    text: str = ""
    """The head decoded, without its byte order mark; empty for a binary file."""
    tail: str = ""
    size: int = 0
    encoding: Encoding = NO_TEXT

    @property
    def suffix(self) -> str:
        """Return the file's suffix in lower case, with the dot."""
        return self.path.suffix.lower()

    @property
    def whole(self) -> bool:
        """Return whether the head is the whole file."""
        return self.size <= len(self.head)

    @property
    def lines(self) -> list[str]:
        """Return the complete lines of the head, with their line ends."""
        told = newline_of(self.text.encode()) or (b"\n" if "\n" in self.text else b"\r")
        ends = re.compile("[^\r\n]*[\r\n]?" if told == b"\r" else "[^\n]*\n?")
        lines = [line for line in ends.findall(self.text) if line]
        is_cut = not self.whole and bool(lines) and not lines[-1].endswith(told.decode())
        return lines[:-1] or lines if is_cut else lines


def look(path: Path, given: str | None = None) -> Sight:
    """Read the head and the tail of a file or folder, in the encoding `given` or the one that its bytes tell."""
    if path.is_dir():
        return Sight(path)
    size = path.stat().st_size
    with path.open("rb") as handle:
        head = handle.read(HEAD)
        handle.seek(max(size - _TAIL, 0) // 4 * 4)
        tail = handle.read()
    encoding = Encoding(given) if given else encoding_of(path)
    if not encoding.name:
        return Sight(path, head, size=size, encoding=encoding)
    codec = codec_of(encoding.name, head)
    text = head.decode(codec, "replace").removeprefix("\ufeff")
    return Sight(path, head, text, tail.decode(codec, "replace"), size, encoding)
