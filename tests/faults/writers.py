"""Other processes that write to a workspace at once: two make edits, one makes versions; each says what was done."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60
"""Seconds in which some process must say something: beyond it they wait for each other."""
_SAY = """
import os
def say(line):
    # One call a line: lines of several processes share one pipe, and only whole writes stay apart.
    os.write(1, f"{line}\\n".encode())
"""
_EDITOR = """
import sys
from pathlib import Path
from tests.corpora import CORPUS, ids
from workbench.services.records.editing import edit
from workbench.store.store import Store
from workbench.workspace import Workspace
name, part, start = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
with Store(Workspace(Path(sys.argv[1]))) as store:
    records = ids(store)[part::2]
    say("ready")
    for number, _ in enumerate(sys.stdin, start):
        record = records[number % len(records)]
        edit(store, CORPUS, record, {"answer": f"{name} {number}"})
        say(f"edit {record} {name} {number}")
"""
_VERSIONER = """
import sys
from pathlib import Path
from tests.corpora import CORPUS, cut
from workbench.errors import UsageError
from workbench.store.store import Store
from workbench.workspace import Workspace
with Store(Workspace(Path(sys.argv[1]))) as store:
    say("ready")
    for _ in sys.stdin:
        try:
            version = cut(store)
        except UsageError as error:
            assert "run split again" in error.hint or "try again" in error.hint, error.hint
            say("again")
        else:
            say(f"version {version.id}")
"""


class Writers:
    """Two editors of disjoint records and one versioner; each does one thing a line it is sent."""

    def __init__(self, workspace: Path, start: int) -> None:
        self._read, write = os.pipe()
        scripts = [(_EDITOR, "one", "0"), (_EDITOR, "two", "1"), (_VERSIONER, "versioner", "0")]
        env = {**os.environ, "POLARS_MAX_THREADS": "1"}
        self.processes = {
            name: subprocess.Popen(
                [sys.executable, "-c", _SAY + script, str(workspace), name, part, str(start)],
                stdin=subprocess.PIPE,
                stdout=write,
                stderr=subprocess.PIPE,
                cwd=ROOT,
                env=env,
            )
            for script, name, part in scripts
        }
        os.close(write)
        self._buffer = b""
        self.said: list[list[str]] = []

    def ask(self, name: str, times: int = 1) -> None:
        """Send a process so many lines; one that is gone is not asked."""
        stream = self.processes[name].stdin
        assert stream is not None
        stream.write(b"go\n" * times)
        stream.flush()

    def hear(self) -> list[str]:
        """Return the next line that any of the processes says, in words; none at the end."""
        while b"\n" not in self._buffer:
            assert select.select([self._read], [], [], PATIENCE)[0], "the processes wait for each other"
            data = os.read(self._read, 65536)
            if not data:
                return []
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        self.said.append(line.decode().split())
        return self.said[-1]

    def ready(self) -> None:
        """Wait until all of them have opened the store."""
        for _ in self.processes:
            assert self.hear() == ["ready"], self.wrong()

    def finish(self) -> None:
        """Send no more, and hear what they say to their end."""
        for process in self.processes.values():
            assert process.stdin is not None
            process.stdin.close()
        self._rest()

    def kill(self) -> None:
        """Kill all of them at once, and hear what they had said; a line cut short counts as not said."""
        for process in self.processes.values():
            process.kill()
        self._rest()

    def _rest(self) -> None:
        while self.hear():
            pass
        os.close(self._read)
        for process in self.processes.values():
            process.wait(PATIENCE)

    def wrong(self) -> list[str]:
        """Return what the processes, all of them ended, said of their own bugs."""
        return [process.stderr.read().decode() for process in self.processes.values() if process.stderr]

    def close(self) -> None:
        for process in self.processes.values():
            for stream in (process.stdin, process.stderr):
                if stream is not None:
                    try:
                        stream.close()
                    except BrokenPipeError:
                        continue

    def edits(self) -> dict[str, tuple[str, int]]:
        """Return the last acknowledged edit of each record: who made it, with its number."""
        return {words[1]: (words[2], int(words[3])) for words in self.said if words[0] == "edit"}

    def versions(self) -> list[str]:
        return [words[1] for words in self.said if words[0] == "version"]
