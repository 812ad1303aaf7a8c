"""Put a new card into the one on the Hub without touching what a person wrote there."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import yaml

from workbench.errors import DataError

BEGIN = "<!-- workbench:begin -->"
END = "<!-- workbench:end -->"

_FRONT = re.compile(r"\A\s*---[ \t]*\r?\n(?:(.*?)\r?\n)?---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
# The innermost pair: what stands after a lone opening marker is the person's text.
_BLOCK = re.compile(rf"{re.escape(BEGIN)}(?:(?!{re.escape(BEGIN)}).)*?{re.escape(END)}", re.DOTALL)
_ONLY_PROPOSED = ("pretty_name",)


def merge(remote_card: str, ours: str) -> str:
    """Put our block and our front matter keys into a person's card and leave every other character alone.

    Tags are joined, `pretty_name` is only proposed, line breaks follow the person's. Merging twice changes
    nothing more. Raises DataError where the person's front matter is not YAML.
    """
    break_ = "\r\n" if "\r\n" in remote_card else "\n"
    their_front, their_body = _parts(remote_card.removeprefix("\ufeff"))
    our_front, our_body = _parts(ours)
    front = _merged_front(their_front, _loaded(our_front))
    body = _merged_body(their_body, _BLOCK.search(our_body))
    return "".join([f"---{break_}", _broken(front, break_), f"---{break_}", _broken(body, break_)])


def front_matter(front: Mapping[str, Any]) -> str:
    """Return YAML that keeps the order of the keys and one line a text."""
    return yaml.safe_dump(dict(front), sort_keys=False, allow_unicode=True, width=1000)


def _parts(text: str) -> tuple[str, str]:
    """Cut a card into the YAML between its fences, with a final line break, and the rest."""
    found = _FRONT.match(text)
    if found is None:
        return "", text if not text or text.startswith("\n") else "\n" + text
    front = found[1] or ""
    return (front + "\n" if front else ""), text[found.end() :]


def _merged_front(theirs: str, ours: Mapping[str, Any]) -> str:
    known = _loaded(theirs)
    # A key of theirs that stays is written in our order all the same, or merging twice would move it.
    front = {**ours, **{key: known[key] for key in _ONLY_PROPOSED if key in known}}
    if "tags" in front:
        front["tags"] = list(dict.fromkeys([*_listed(known.get("tags")), *front["tags"]]))
    return _without(theirs, tuple(front)) + front_matter(front)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _without(front: str, keys: Collection[str]) -> str:
    """Cut the top-level `keys` out of a YAML mapping and keep every other character, comments too."""
    node = yaml.compose(front, Loader=yaml.SafeLoader)
    if not isinstance(node, yaml.MappingNode):
        return front
    if node.flow_style:
        return front_matter({key: value for key, value in _loaded(front).items() if key not in keys})
    starts = [key.start_mark.index for key, _ in node.value] + [len(front)]
    chunks = zip(node.value, starts, starts[1:], strict=False)
    kept = [front[start:stop] for (key, _), start, stop in chunks if key.value not in keys]
    return "".join([front[: starts[0]], *kept])


def _loaded(front: str) -> dict[str, Any]:
    try:
        known = yaml.safe_load(front)
    except yaml.YAMLError as error:
        raise _unreadable() from error
    if known is not None and not isinstance(known, dict):
        raise _unreadable()
    return known or {}


def _unreadable() -> DataError:
    return DataError("the card on the Hub has front matter that is not a YAML mapping", "repair README.md there")


def _merged_body(theirs: str, block: re.Match[str] | None) -> str:
    ours = block[0] if block else ""
    before, *rest = (_unmarked(part) for part in _BLOCK.split(theirs))
    if rest:
        return before + ours + "".join(rest)
    return f"{before.rstrip()}\n\n{ours}\n" if before.strip() else f"\n{ours}\n"


def _unmarked(text: str) -> str:
    """Drop lone markers: a later merge would take them for ours."""
    return text.replace(BEGIN, "").replace(END, "")


def _broken(text: str, break_: str) -> str:
    return text.replace("\r\n", "\n").replace("\n", break_)
