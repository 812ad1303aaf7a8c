"""Run the command line as a script does: another process, stdout and stderr apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
