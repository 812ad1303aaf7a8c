"""Hand a text to the person's own editor, and take back what became of it; nothing that was written is ever lost."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from textual.app import App, SuspendNotSupported

from workbench.errors import OutsideError, UsageError

_DEFAULT = "vi"


def command() -> list[str]:
    """Return the editor's command line: $VISUAL, else $EDITOR, else vi."""
    written = os.environ.get("VISUAL") or os.environ.get("EDITOR") or _DEFAULT
    try:
        return shlex.split(written)
    except ValueError as error:
        raise UsageError(f"$EDITOR {written!r} is no command: {error}", "for example: EDITOR='code -w'") from error


def draft(text: str, suffix: str) -> Path:
    """Write a text where only its owner reads it, and return the file."""
    handle, name = tempfile.mkstemp(suffix=suffix, prefix="workbench-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(name)


def edited(app: App[None], path: Path) -> str:
    """Leave the terminal to the editor until it ends, and return what stands in the file then."""
    words = command()
    try:
        with app.suspend():
            code = subprocess.call([*words, str(path)])
    except SuspendNotSupported as error:
        path.unlink()
        raise UsageError("this screen cannot be left to an editor", "edit here, with e") from error
    except OSError as error:
        path.unlink()
        raise OutsideError(f"cannot start the editor {words[0]!r}: {error.strerror}", "set $EDITOR") from error
    app.refresh()
    if code:
        raise OutsideError(f"the editor {words[0]!r} ended with {code}", f"what was written is kept in {path}")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError("the file is no UTF-8 any more", f"it is kept as it is: {path}") from error
    except OSError as error:  # an editor may put it elsewhere, or a person take it away
        raise OutsideError(f"cannot read {str(path)!r} again: {error.strerror}", "nothing was changed") from error
