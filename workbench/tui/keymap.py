"""A person's own keys: one file of binding ids and keys, taken as a whole or not at all."""

from __future__ import annotations

import difflib
import importlib
import os
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from textual.binding import Binding, BindingsMap
from textual.dom import DOMNode

from workbench.errors import UsageError

_FORM = "write lines like  data.edit: ctrl+e  (see docs/terminal.md)"


@dataclass(frozen=True)
class Bound:
    """A binding as it stands in the program: its id, its keys, and the class that has it."""

    id: str
    keys: frozenset[str]
    owner: type[DOMNode]


def keys_file() -> Path:
    """Return where a person's keys stand: `workbench/keys.yaml` in the configuration folder of the XDG standard."""
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "workbench" / "keys.yaml"


def load_keymap(path: Path) -> dict[str, str]:
    """Return keys by binding id, or nothing where there is no file; raises UsageError that names what is wrong."""
    if not path.is_file():
        return {}
    wanted = _read(path)
    bound = tuple(all_bindings())
    known = {binding.id for binding in bound}
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else _FORM
            raise UsageError(f"{path}: no action is called {name!r}", hint)
    _refuse_clash(path, wanted, bound)
    return wanted


def _read(path: Path) -> dict[str, str]:
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path}: cannot be read: {error}", _FORM) from error
    if said is None:
        return {}
    if not isinstance(said, dict) or not all(isinstance(key, str) for key in said):
        raise UsageError(f"{path}: holds no list of actions with their keys", _FORM)
    faulty = next((name for name, keys in said.items() if not _names_keys(keys)), None)
    if faulty is not None:
        raise UsageError(f"{path}: {faulty} has no key", _FORM)
    return {name: ",".join(_normal(str(keys))) for name, keys in said.items()}


def _names_keys(keys: object) -> bool:
    return isinstance(keys, str | int) and all(key.strip() for key in str(keys).split(","))


def _normal(keys: str) -> frozenset[str]:
    """Return keys by the names that Textual uses for them: `question_mark` for `?`."""
    return frozenset(BindingsMap([Binding(keys.strip(), "")]).key_to_bindings)


def all_bindings() -> Iterator[Bound]:
    """Yield every binding that has an id, of the application, of all screens and of all widgets."""
    for owner in _owners():
        keys: dict[str, set[str]] = {}
        for binding in Binding.make_bindings(owner.__dict__.get("BINDINGS", ())):
            if binding.id:
                keys.setdefault(binding.id, set()).add(binding.key)
        yield from (Bound(name, frozenset(those), owner) for name, those in keys.items())


def _owners() -> list[type[DOMNode]]:
    import workbench.tui as package

    found: dict[type[DOMNode], None] = {}
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, DOMNode) and value.__module__.startswith(package.__name__):
                found[value] = None
    return list(found)


def _refuse_clash(path: Path, wanted: Mapping[str, str], bound: tuple[Bound, ...]) -> None:
    """Refuse a key that would do two things at one place."""
    now = [Bound(b.id, frozenset(wanted[b.id].split(",")) if b.id in wanted else b.keys, b.owner) for b in bound]
    for one in now:
        if one.id not in wanted:
            continue
        for other in now:
            shared = one.keys & other.keys
            if shared and other.id != one.id and _may_meet(one.owner, other.owner):
                key = sorted(shared)[0]
                raise UsageError(
                    f"{path}: {key!r} would be both {one.id} and {other.id}", "give one of them another key"
                )


def _may_meet(one: type[DOMNode], other: type[DOMNode]) -> bool:
    """Say whether bindings of two classes can be active at once.

    Those of the application meet all screens but sheets; a screen meets what it inherits; widgets meet every screen.
    """
    from textual.app import App
    from textual.screen import ModalScreen, Screen

    if issubclass(one, other) or issubclass(other, one):
        return True
    if issubclass(one, Screen) and issubclass(other, Screen):
        return False
    pair = (one, other)
    if any(issubclass(owner, App) for owner in pair):
        return not any(issubclass(owner, ModalScreen) for owner in pair)
    return any(issubclass(owner, Screen) for owner in pair)
