"""Running text such as a novel: chunks that end with a sentence, cover all and never cross a chapter."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workbench.readers.body import ESCAPED, Body, load
from workbench.readers.chapters import Section, sections
from workbench.readers.record import Reading, Record, Reject, Repair
from workbench.readers.sentences import cut
from workbench.readers.sight import Claim, Sight

SUFFIXES: tuple[str, ...] = (".txt", ".md", ".text", ".srt")

_HEADER = re.compile(rb"^[ \t]*\*\*\* ?START OF[^\r\n]*(?:\r\n|\n|\r|\Z)", re.MULTILINE)
_FOOTER = re.compile(rb"^[ \t]*(?:\*\*\* ?END OF|End of (?:the |this )?Project Gutenberg)", re.MULTILINE)
_UNDECODED = re.compile(ESCAPED)
_BLANK_LINES = re.compile(r"\A(?:[^\S\n]*\n)+")


def recognise(sight: Sight) -> Claim | None:
    """Claim anything that is text and not blank."""
    if not sight.text.strip():
        return None
    named = sight.suffix in SUFFIXES or not sight.suffix
    return Claim(10, () if named else (f"nothing but running text was found behind the name {sight.suffix}",))


def read(reading: Reading) -> Iterator[Record | Reject]:
    """Yield chunks of about `reading.chunk` characters, fields text and chapter, in spans without gaps.

    A licence header (up to its START OF line) and footer (from its END OF line) become chunks to drop.
    Line ends become \\n in the text, and white space around it goes; both stay in the span.
    """
    body = load(reading.path, reading.proposal.encoding)
    header, footer = _narrative(body)
    position, start = 0, body.begin
    for section, place in _sections(body, header, footer):
        for start, end in _chunks(body, section, max(reading.chunk, 1)):
            yield _unit(body, (position, start, end), section.chapter, place)
            position += 1


def _narrative(body: Body) -> tuple[int, int]:
    """Return the offsets where the narrative starts and ends."""
    header = _HEADER.search(body.buffer, body.begin)
    start = header.end() if header else body.begin
    footer = _FOOTER.search(body.buffer, start)
    return start, footer.start() if footer else body.end


def _sections(body: Body, header: int, footer: int) -> Iterator[tuple[Section, str]]:
    """Yield every stretch with its place; one that holds no text is joined to the next, or to the last."""
    everything = [
        (Section(None, body.begin, header), "licence header"),
        *((section, "") for section in sections(body, header, footer)),
        (Section(None, footer, body.end), "licence footer"),
    ]
    held: tuple[Section, str] | None = None
    carried = body.begin
    for section, place in everything:
        if _blank(body, section.start, section.end):
            held = held and (Section(held[0].chapter, held[0].start, section.end), held[1])
            carried = carried if held is None else section.end
            continue
        if held:
            yield held
            carried = held[0].end
        held = (Section(section.chapter, carried, section.end), place)
    if held:
        yield held


def _blank(body: Body, start: int, end: int) -> bool:
    while start < end:
        text = body.window(start, min(start + 4096, end))
        if text.strip():
            return False
        start += body.width(text) or end - start
    return True


def _chunks(body: Body, section: Section, chunk: int) -> Iterator[tuple[int, int]]:
    start = at = section.start
    while at < section.end:
        text = body.window(at, min(at + 12 * chunk + 4, section.end))
        ends = at + body.width(text) >= section.end
        at += body.width(text[: _length(text, chunk, ends)])
        # White space alone is no chunk: it goes to the text behind it, and at the end to the text before it.
        if not _blank(body, start, at) and (at >= section.end or not _blank(body, at, section.end)):
            yield start, at
            start = at
    if start < section.end:
        yield start, section.end


def _length(text: str, chunk: int, ends: bool) -> int:
    """Return the length of the next chunk: near `chunk`, or near half of a rest shorter than two chunks."""
    low, high = chunk * 2 // 3, max(chunk * 7 // 6, 1)
    if ends and len(text) <= high:
        return len(text)
    if ends and len(text) < 2 * chunk:
        half = len(text) // 2
        return cut(text, half, max(min(low, half * 5 // 6), 1), max(high, half))
    return cut(text, chunk, max(low, 1), high)


def _unit(body: Body, place: tuple[int, int, int], chapter: str | None, boilerplate: str) -> Record | Reject:
    position, start, end = place
    text = body.text(start, end)
    if _UNDECODED.search(text):
        return body.reject(position, start, end, "bytes that the encoding does not have")
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    fields = {"text": _BLANK_LINES.sub("", lines).rstrip(), "chapter": chapter}
    repairs = (Repair("", None, f"boilerplate: {boilerplate}"),) if boilerplate else ()
    return Record(fields, body.origin(position, start, end), repairs)
