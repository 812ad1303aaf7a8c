"""Facts about a person's own editor in a real terminal: what it leaves is one action, and what it breaks is kept."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.tui.test_pty import SEQUENCES, Terminal, terminal
from workbench.store.catalogue import Row
from workbench.store.store import Store
from workbench.workspace import Workspace

ESCAPE = "\x1b[27u"
"""Escape as terminals with the Kitty protocol send it: the lone byte and a key behind it would be one key with alt."""
EDITOR = """
import pathlib, sys
plan, file = pathlib.Path(__file__).with_name("plan"), pathlib.Path(sys.argv[1])
step, *rest = plan.read_text().split()
plan.write_text(" ".join(rest))
text = file.read_bytes()
if step == "one":
    file.write_bytes(text.replace(b"answer: Brest", b"answer: Rade de Brest"))
elif step == "fails":
    file.write_bytes(text.replace(b"answer: Rade", b"answer: LOST"))
    sys.exit(3)
elif step == "bytes":
    file.write_bytes(text + bytes([255, 254]) + b"\\x1b]52;c;UFdOLUNMSVA=\\x07")
elif step == "escapes":
    file.write_bytes(text.replace(b"answer: Rade", b"answer: \\x1b[5;5H\\x1b]0;PWN-TITLE\\x1b\\\\"))
elif step == "many":
    file.write_bytes(b"".join(line + b"!" * line.startswith(b"  question:") + b"\\n" for line in text.splitlines()))
"""


def edits(workspace: Workspace) -> list[Row]:
    """Return the edits in the log, oldest first."""
    with Store(workspace) as store:
        return store.catalogue.rows("towns", kinds=("edit",))


def open_towns(screen: Terminal) -> None:
    """Go to the first record of `towns`."""
    screen.until("press s to split")
    screen.press("j\r")
    screen.until("end of Brittany?")


def test_an_editor_changes_one_record_or_many_and_what_it_breaks_is_kept_and_shown_safely(
    workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "editor.py").write_text(EDITOR)
    (tmp_path / "plan").write_text("one fails bytes escapes many")
    command = f"{sys.executable} {tmp_path / 'editor.py'}"
    own = {"EDITOR": "false", "VISUAL": command, "TMPDIR": str(tmp_path)}
    with terminal(workspace, environment=own) as screen:
        open_towns(screen)
        screen.press("E")
        screen.until("saved 1 field")
        [first] = edits(workspace)
        assert first.body["value"] == "Rade de Brest" and not list(tmp_path.glob("workbench-*"))
        for said in ("ended with 3", "no UTF-8 any more", "What you wrote is kept in"):
            screen.press("E")
            screen.until(said)
            screen.press(ESCAPE)
        assert len(edits(workspace)) == 1 and len(list(tmp_path.glob("workbench-*.yaml"))) == 3
        screen.press("*")
        screen.until("15 marked")
        screen.press("E")
        screen.until("saved 15 fields")
        changed = edits(workspace)[1:]
        assert len(changed) == 15 and len({row.body["action"] for row in changed}) == 1
        assert all(row.body["value"].endswith("!") for row in changed)
        screen.press("u")
        screen.until("took back")
        screen.press("q")
        screen.until("\x1b[?1049l")
        assert [sequence for sequence in SEQUENCES if sequence in screen.written] == []
    assert len(edits(workspace)) == 1 + 2 * len(changed)
