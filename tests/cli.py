"""Run the command line as a script does: another process, stdout and stderr apart."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from workbench.cli.main import run


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    talk: str

    @property
    def json(self) -> Any:
        """Return the one JSON object on stdout; anything else on it fails here."""
        return json.loads(self.out)


def workbench(*arguments: str | Path, cwd: Path, environment: dict[str, str] | None = None) -> Said:
    """Run one command in a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "workbench", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "HF_HUB_OFFLINE": "1", **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def called(*arguments: str, cwd: Path) -> Said:
    """Run one command in this process, in a workspace, with nobody at the keyboard: many calls in little time."""
    out, talk = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(talk), pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.StringIO())
        patch.chdir(cwd)
        with pytest.raises(SystemExit) as end:
            run(lambda _: None, list(arguments))
    return Said(int(end.value.code or 0), out.getvalue(), talk.getvalue())
