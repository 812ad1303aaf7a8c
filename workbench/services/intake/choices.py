"""What can be chosen about an ingest before it begins, and the order with a choice made."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workbench.errors import UsageError
from workbench.readers.registry import readers
from workbench.services.intake.order import Order
from workbench.services.intake.preview import Place, Preview

CORPUS, KIND, READER, ENCODING, HEADER, CHUNK, SIDE, KEY = "corpus kind reader encoding header chunk split key".split()
FIELD = "field "
"""Begins the name of a choice about a field of the schema."""
_ENCODINGS = ("utf-8", "cp1252", "latin-1", "utf-16-le", "shift_jis", "gb18030")
_CHUNKS = ("600", "1200", "2400")
_YES, _NO = "yes", "no"
_DETECTED = "detected"
_ANY = "as split later"
_WHOLE_ROW = "the whole row"
_SHAPING = {READER, ENCODING, HEADER}
"""Choices that change which columns there are: a mapping and a key chosen before do not outlive them."""


@dataclass(frozen=True)
class Choice:
    """One thing that can be chosen."""

    name: str
    label: str
    value: str
    options: tuple[str, ...]
    """What to cycle through; a value that is not empty is one of them."""
    note: str = ""
    is_missing: bool = False
    """Whether nothing goes on before this is chosen."""


def name_for(path: Path) -> str:
    """Return a corpus' name made from a file's."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem)[:100].strip("._-") or "corpus"


def choices(seen: Preview) -> list[Choice]:
    """Return all that can be chosen about what a preview shows, in the order in which it is shown."""
    return [_corpus(seen), _kind(seen), *(_field(seen, place) for place in seen.places), *_reading(seen)]


def first_choices(order: Order) -> list[Choice]:
    """Return what can be chosen about a file that no reader could take as it is."""
    given = order.settings
    return [
        _choice(READER, given.get(READER, _DETECTED), (_DETECTED, *readers())),
        _choice(ENCODING, given.get(ENCODING, _DETECTED), (_DETECTED, *_ENCODINGS)),
    ]


def _choice(name: str, value: str, options: tuple[str, ...], note: str = "") -> Choice:
    return Choice(name, name, value, _with(value, options), note)


def _with(value: str, options: tuple[str, ...]) -> tuple[str, ...]:
    """Return options in an order that does not change as one goes through them; the value is one of them."""
    return tuple(dict.fromkeys(options if value in options or not value else (value, *options)))


def _corpus(seen: Preview) -> Choice:
    note = "a new corpus" if seen.is_new else "adds to the corpus that is here"
    return _choice(CORPUS, seen.corpus, seen.corpora, note)


def _kind(seen: Preview) -> Choice:
    if not seen.is_new:
        return _choice(KIND, seen.schema, (), "the corpus' own")
    note = f"fits: {', '.join(seen.kinds)}" if seen.kinds else "no kind fits all by itself"
    return _choice(KIND, seen.schema, (*seen.kinds, *seen.all_kinds), note)


def _reading(seen: Preview) -> list[Choice]:
    out = [
        _choice(READER, seen.reader, tuple(readers())),
        _choice(ENCODING, seen.encoding, _ENCODINGS),
        _choice(SIDE, seen.side or _ANY, (_ANY, "train", "validation", "test"), "side that the file was delivered for"),
        _choice(KEY, ",".join(seen.key) or _WHOLE_ROW, (_WHOLE_ROW, *seen.columns), "identifies a row, for good"),
    ]
    if seen.reader == "delimited":
        out.insert(2, _choice(HEADER, _YES if seen.header else _NO, (_YES, _NO), "the first row names the columns"))
    if seen.reader == "plain_text":
        out.insert(2, _choice(CHUNK, str(seen.chunk), _CHUNKS, "characters a passage"))
    return out


def _field(seen: Preview, place: Place) -> Choice:
    missing = place.is_required and not place.expression
    note = "must be given" if missing else "" if place.is_required else "optional"
    options = _with(place.expression, seen.columns)
    return Choice(f"{FIELD}{place.field}", place.field, place.expression, options, note, missing)


def chosen(order: Order, name: str, value: str) -> Order:
    """Return an order with one thing chosen; a value that cannot be is a UsageError."""
    if name == CORPUS:
        return replace(order, corpus=value, schema=None)
    if name == KIND:
        return _set(replace(order, schema=value), map=None, key=None)
    if name in _SHAPING:
        given = None if value == _DETECTED else value == _YES if name == HEADER else value
        return _set(order, map=None, key=None, **{name: given})
    if name.startswith(FIELD):
        fields = {**order.settings.get("map", {}), name.removeprefix(FIELD): value}
        return _set(order, map={field: expression for field, expression in fields.items() if expression} or None)
    return _set(order, **{name: _parsed(name, value)})


def settled(order: Order, seen: Preview) -> Order:
    """Return an order that makes the kind of corpus that was seen, whatever the whole file looks like."""
    return replace(order, schema=seen.schema if seen.is_new else None)


def _parsed(name: str, value: str) -> Any:  # noqa: ANN401 - a setting of a source
    if name == CHUNK:
        if not value.isascii() or not value.isdigit():
            raise UsageError(f"{value!r} is no number of characters", "for example 1200")
        return int(value)
    if name == KEY:
        return None if value in ("", _WHOLE_ROW) else tuple(part.strip() for part in value.split(","))
    return None if value == _ANY else value


def _set(order: Order, **settings: Any) -> Order:  # noqa: ANN401 - settings of a source
    """Return an order with settings; None takes one back."""
    changed = {name: value for name, value in (order.settings | settings).items() if value is not None}
    return replace(order, settings=changed)
