"""Answers of multiple-choice questions: options in any usual shape, and an answer as an index into them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Any

from workbench.readers.field_spec import MappingError, impossible
from workbench.readers.json_values import value_from

_LETTER = re.compile(r"\(?([A-Za-z])[).]?")
_SEVERAL = re.compile(r"\(?(?:[A-Za-z]|\d{1,2})\)?(?:\s*[,;/&+ ]\s*\(?(?:[A-Za-z]|\d{1,2})\)?)+")
_NUMBER = re.compile(r"[+-]?\d+(?:\.0+)?")
_MARK = "\ufeff"
"""The byte order mark: invisible, and left in cells and options by programs that glue files together."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of one row, with the keys they had where they came as an object."""

    texts: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


def choices_from(value: Any) -> Choices | None:  # noqa: ANN401 - any raw value
    """Return options from a list, an object (in key order) or either as JSON text; None stays None."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        value = json_from(value, "a list of options")
    if isinstance(value, dict):
        return _from_object(value)
    if isinstance(value, list):
        if value and all(isinstance(item, dict) and "text" in item for item in value):
            keys = tuple(str(item["label"]) for item in value if "label" in item)
            return Choices(tuple(text_from(item["text"]) for item in value), keys if len(keys) == len(value) else ())
        return Choices(tuple("" if item is None else text_from(item) for item in value))
    raise impossible(value, "a list of texts")


def _from_object(value: dict[str, Any]) -> Choices:
    texts, labels = value.get("text"), value.get("label")
    if isinstance(texts, list) and isinstance(labels, list) and len(texts) == len(labels):
        return Choices(tuple(map(text_from, texts)), tuple(map(text_from, labels)))
    pairs = sorted(value.items(), key=lambda pair: (len(pair[0]), pair[0]) if pair[0].isdigit() else (0, pair[0]))
    return Choices(tuple("" if text is None else text_from(text) for _, text in pairs), tuple(key for key, _ in pairs))


def json_from(text: str, wanted: str) -> Any:  # noqa: ANN401 - any JSON value
    """Parse JSON that stands in a text, strictly; MappingError where there is none, or where some would be lost."""
    try:
        return value_from(text)
    except JSONDecodeError as error:
        raise impossible(text, wanted) from error
    except ValueError as error:
        raise MappingError(f"{impossible(text, wanted)}: {error}") from error


def text_from(value: object) -> str:
    """Return a scalar as text, as JSON would write it; MappingError for a list or an object."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    raise impossible(value, "a text")


def whole_number(value: object) -> int:
    """Return an int of 64 bits from an int, an integral float or a numeric text."""
    number = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    elif isinstance(value, str) and len(value) < 400 and _NUMBER.fullmatch(value.strip()):
        number = int(value.strip().split(".")[0])
    if number is None or not -(2**63) <= number < 2**63:
        raise impossible(value, "a whole number of 64 bits")
    return number


def answers(value: Any, choices: Choices, cast: str = "") -> list[int]:  # noqa: ANN401 - any raw value
    """Return every index that an answer names: a number, letter, key or option's text, or several."""
    if value is None or value == "":
        return []
    if isinstance(value, (list, tuple)):
        return [index for item in value for index in answers(item, choices, cast)]
    if isinstance(value, str):
        stripped = value.strip()
        if stripped.startswith("[") and stripped.endswith("]") and _by_text(stripped, choices) is None:
            return answers(json_from(stripped, "an answer"), choices, cast)
        if cast != "text" and _SEVERAL.fullmatch(stripped) and _by_text(stripped, choices) is None:
            return [_index(part, choices, cast) for part in re.split(r"[\s,;/&+]+", stripped)]
    return [_index(value, choices, cast)]


def _index(value: object, choices: Choices, cast: str) -> int:
    if not isinstance(value, str) and cast != "text":
        return whole_number(value) - (cast == "number")
    stripped = text_from(value).strip()
    named, place = _by_text(stripped, choices), _by_place(stripped, choices, cast)
    if cast == "text" or (not cast and place is None):
        if named is None:
            raise impossible(value, "one of the options, nor a letter or a number")
        return named
    if place is None:
        raise impossible(value, "a letter or a number")
    if cast or named is None or named == place:
        return place
    if not 0 <= place < len(choices.texts):
        return named
    # Guessing here would turn right answers into wrong ones without a trace.
    raise MappingError(
        f"{stripped!r} is option {place} by place and option {named} by text: map it with :index or :text"
    )


def _by_text(text: str, choices: Choices) -> int | None:
    for fold in (str, str.strip, lambda option: option.replace(_MARK, "").strip().casefold()):
        folded = [fold(option) for option in choices.texts]
        if fold(text) in folded:
            return folded.index(fold(text))
    return None


def _by_place(text: str, choices: Choices, cast: str) -> int | None:
    for fold in (str, str.casefold):
        keys = [fold(key) for key in choices.keys]
        if not cast and fold(text) in keys:
            return keys.index(fold(text))
    letter = _LETTER.fullmatch(text)
    if letter:
        return ord(letter[1].upper()) - ord("A")
    if _NUMBER.fullmatch(text) and len(text) < 400:
        return whole_number(text) - (cast == "number")
    return None
