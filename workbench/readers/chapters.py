"""Where the chapters of a novel start: headings alone on a line, without the table of contents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.readers.body import Body

_ROMAN = r"(?=[IVXLCDM])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_NUMBER_WORD = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen|"
    "twenty|thirty|forty|fifty|the first|the last|first|second|third|fourth|fifth|last|"
    "premier|première|deuxième|second|seconde|troisième|dernier|dernière"
)
_HEADING = re.compile(
    r"(?P<word>part|partie|book|livre|act|acte|chapter|chapitre|letter|lettre|canto|chant|scene|scène)"
    rf"\s+(?:\d+|{_ROMAN}|{_NUMBER_WORD}(?:[ -](?:one|two|three|four|five|six|seven|eight|nine))?)"
    r"(?:\s*[.:—–-]\s*\S.{0,60}|[.:]?)",
    re.IGNORECASE,
)
_BARE = re.compile(r"(?:prologue|epilogue|épilogue|preface|préface|introduction)[.:]?", re.IGNORECASE)
_LONE_ROMAN = re.compile(_ROMAN)
_CONTENTS = re.compile(r"(?:table of )?contents[.:]?|table des (?:matières|chapitres)[.:]?|sommaire", re.IGNORECASE)
_NOTE = re.compile(r"\[\d+\]")
_OUTER = ("part", "partie", "book", "livre", "act", "acte")
_SENTENCE_END = tuple('.!?…"”’»*_')
_DIGITS = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_BODY = 200
"""Characters behind a heading that make it a chapter even without an end of a sentence."""


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of text under one heading; `chapter` is None in front of the first one."""

    chapter: str | None
    start: int
    end: int


@dataclass(slots=True)
class _Heading:
    label: str
    start: int
    outer: bool
    seen: int = 0


@dataclass(slots=True)
class _State:
    """What was read so far: a heading counts only when a text follows before the next heading."""

    start: int
    chapter: str | None = None
    pending: _Heading | None = None
    blank_before: bool = True
    contents: bool = False
    roman: int = 0

    def heading(self, found: _Heading) -> None:
        held = self.pending
        if held and held.outer and not found.outer and held.seen == 0:
            found = _Heading(f"{held.label}, {found.label}", held.start, False)
        self.pending = found

    def text(self, line: str) -> Section | None:
        """Take a line of text; return the section in front of the pending heading, once that one is sure."""
        self.contents = self.contents or bool(_CONTENTS.fullmatch(line))
        if self.pending is None:
            return None
        self.pending.seen += len(line)
        sure = self.pending.seen > _BODY or (line.endswith(_SENTENCE_END) and not self.contents)
        return self.turn() if sure else None

    def turn(self) -> Section | None:
        held, self.pending, self.contents = self.pending, None, False
        if held is None or held.seen == 0:
            return None
        done = Section(self.chapter, self.start, held.start)
        self.start, self.chapter = held.start, held.label
        return done if done.start < done.end else None


def sections(body: Body, start: int, end: int) -> Iterator[Section]:
    """Yield the sections that together cover `start`..`end`, in order."""
    state = _State(start)
    for (line_start, line), following in _lines(body, start, end):
        found = _heading(state, line_start, line, following) if line else None
        done = None
        if found:
            state.heading(found)
        elif line:
            done = state.text(line)
        if done:
            yield done
        state.blank_before = not line or line.endswith(_SENTENCE_END)
    last = state.turn()
    if last:
        yield last
    if state.start < end:
        yield Section(state.chapter, state.start, end)


def _lines(body: Body, start: int, end: int) -> Iterator[tuple[tuple[int, str], str]]:
    """Yield each line (offset, stripped text) together with the text of the next."""
    held: tuple[int, str] | None = None
    for line_start, line_end in body.lines(start, end, body.newline()):
        line = body.window(line_start, min(line_end, line_start + 600)).strip()
        if held:
            yield held, line
        held = (line_start, line)
    if held:
        yield held, ""


def _heading(state: _State, start: int, line: str, following: str) -> _Heading | None:
    bare = _NOTE.sub("", line).strip("#*_ \t")
    if len(bare) > 100 or not state.blank_before:
        return None
    match = _HEADING.fullmatch(bare)
    if match:
        return _Heading(bare.rstrip(".: "), start, match["word"].lower() in _OUTER)
    if following:
        return None
    if _BARE.fullmatch(bare) or _next_roman(state, bare.rstrip(".")):
        return _Heading(bare.rstrip(".: "), start, False)
    return None


def _next_roman(state: _State, bare: str) -> bool:
    """Return whether a lone numeral goes on counting, or starts again at I: an initial C. does not."""
    if not _LONE_ROMAN.fullmatch(bare):
        return False
    digits = [_DIGITS[digit] for digit in bare]
    value = sum(-one if one < two else one for one, two in zip(digits, [*digits[1:], 0], strict=True))
    if value not in (1, state.roman + 1):
        return False
    state.roman = value
    return True
