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
_COMMENT = re.compile(r"#[^\r\n]*")
_INDENT = re.compile(r"^[ \t]+(?=#)", re.MULTILINE)
_ONLY_PROPOSED = ("pretty_name",)


def merge(remote_card: str, ours: str) -> str:
    """Put our block and our front matter keys into a person's card and leave every other character alone.

    Tags are joined, `pretty_name` is only proposed, line breaks follow the person's. Merging twice changes
    nothing more. Raises DataError where the person's front matter is not YAML, or cannot keep all it says.
    """
    try:
        return _merge(remote_card, ours)
    except RecursionError as error:
        raise _unreadable() from error


def _merge(remote_card: str, ours: str) -> str:
    break_ = "\r\n" if "\r\n" in remote_card else "\n"
    their_front, their_body = _parts(remote_card.removeprefix("\ufeff"))
    our_front, our_body = _parts(ours)
    front = _merged_front(their_front, _loaded(our_front))
    body = _merged_body(their_body, _BLOCK.search(our_body))
    return "".join([f"---{break_}", _broken(front, break_), f"---{break_}", _broken(body, break_)])


def front_matter(front: Mapping[str, Any]) -> str:
    """Return YAML that keeps the order of the keys and one line a text."""
    return yaml.safe_dump(dict(front), sort_keys=False, allow_unicode=True, width=1000)


def front_of(card: str) -> str:
    """Return the YAML between a card's fences, unread; empty where it has none."""
    return _parts(card.removeprefix("\ufeff"))[0]


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
    merged = _without(theirs, tuple(front)) + front_matter(front)
    _check_nothing_lost(merged, {key: value for key, value in known.items() if key not in front})
    return merged


def _check_nothing_lost(merged: str, theirs: Mapping[str, Any]) -> None:
    """Raise DataError where a person's keys do not read from the merged front matter as they did before."""
    hint = "in README.md there, write out what is an alias (*name) or stands indented, then push again"
    try:
        found = yaml.safe_load(merged)
    except yaml.YAMLError as error:
        raise DataError("the card on the Hub has front matter that cannot take our keys", hint) from error
    for key, value in theirs.items():
        if key not in found or front_matter({key: found[key]}) != front_matter({key: value}):
            raise DataError(f"the card on the Hub would lose the value of {str(key)!r} in its front matter", hint)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _without(front: str, keys: Collection[str]) -> str:
    """Cut the top-level `keys` out of a YAML mapping and keep everything else, their comments too."""
    node = yaml.compose(front, Loader=yaml.SafeLoader)
    if not isinstance(node, yaml.MappingNode):
        return front
    if node.flow_style:
        kept = {key: value for key, value in _loaded(front).items() if key not in keys}
        return _left(front, 0, len(front)) + (front_matter(kept) if kept else "")
    # An explicit key ("? name") starts in front of its own mark: a chunk starts where the line does.
    starts = [front.rfind("\n", 0, key.start_mark.index) + 1 for key, _ in node.value] + [len(front)]
    chunks = zip(node.value, starts, starts[1:], strict=False)
    texts = [_left(front, at, stop) if key.value in keys else front[at:stop] for (key, _), at, stop in chunks]
    return "".join([front[: starts[0]], *texts])


def _left(front: str, start: int, stop: int) -> str:
    """Return what stays of a removed chunk: each comment as its own line, and the lines below its value.

    Between two tokens of YAML stand only space and comments; a comment keeps no indent, or it would become
    text of a block in front of it.
    """
    comments, at = [], start
    for token in yaml.scan(front, Loader=yaml.SafeLoader):
        begin, end = token.start_mark.index, token.end_mark.index
        if start <= begin < end <= stop:
            # A block's text has its header line, where a comment may stand, inside its token.
            block = isinstance(token, yaml.ScalarToken) and token.style in ("|", ">")
            comments += _COMMENT.findall(front[at : front.find("\n", begin) if block else begin])
            at = end
    below = at if front[at - 1 : at] == "\n" else front.find("\n", at, stop) + 1 or stop
    comments += _COMMENT.findall(front[at:below])
    return "".join(f"{comment}\n" for comment in comments) + _INDENT.sub("", front[below:stop])


def read_front(front: str) -> object:
    """Return what YAML says; anything that cannot be read is a DataError."""
    try:
        return yaml.safe_load(front)
    # PyYAML lets through what its own constructors stumble over: a month 13, an !!int or !!timestamp that is none.
    except (yaml.YAMLError, ValueError, AttributeError, RecursionError) as error:
        raise _unreadable() from error


def _loaded(front: str) -> dict[str, Any]:
    known = read_front(front)
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
