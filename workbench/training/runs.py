"""The run folder: everything about one training, readable while it runs and after it died."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import psutil

from workbench.errors import CorruptionError, UsageError
from workbench.lm.identity import check_base
from workbench.recipe import Recipe, load_recipe
from workbench.training import lock
from workbench.workspace import out_of_space, sync_folder

State = Literal["prepared", "running", "finished", "stopped", "failed", "refused"]
STATES: tuple[State, ...] = get_args(State)
LOST = "lost"
"""What a reader says where the state is `running` and its process is gone."""
ENDED = frozenset({"finished", "stopped", "failed", "refused", LOST})

STEP_DOWN = "step_down"
"""Key of run.json that allows a resumed run to go on in less memory, whatever its recipe says."""

_CLOCK_SLACK = 2.0
"""Seconds by which two readings of a start time may differ (system clocks are adjusted)."""

_TAIL = 64 * 1024
"""Bytes at the end of metrics.jsonl that a follower looks at."""


@dataclass(frozen=True)
class RunFolder:
    """A run on disk; every property is a path, every method reads afresh."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> RunFolder:
        """Make the folder of a new run; raises UsageError where one exists already."""
        folder = cls(path)
        with out_of_space(path):
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                raise UsageError(f"the run folder {str(path)!r} exists", "choose another name") from None
            for inner in (folder.checkpoints, folder.evaluation):
                inner.mkdir()
        return folder

    @classmethod
    def read(cls, path: Path) -> RunFolder:
        """Return the run in a folder; raises UsageError where there is none."""
        folder = cls(path)
        if not folder.state_file.is_file():
            raise UsageError(f"no run in {str(path)!r}", "`workbench runs` lists the runs of this workspace")
        return folder

    @classmethod
    def list(cls, root: Path) -> tuple[RunFolder, ...]:
        """Return every run under a folder, by name; a missing folder holds none."""
        return tuple(cls(found.parent) for found in sorted(root.glob("*/state.json")))

    @property
    def name(self) -> str:
        """The run's name: its folder's."""
        return self.path.name

    @property
    def recipe_file(self) -> Path:
        """The recipe as resolved, every default spelled out."""
        return self.path / "recipe.yaml"

    @property
    def facts_file(self) -> Path:
        """Where the run comes from: version, corpus, schema, base, packages, digests."""
        return self.path / "run.json"

    @property
    def xray(self) -> Path:
        """The token X-ray, one row a record."""
        return self.path / "xray.parquet"

    @property
    def tokens(self) -> Path:
        """The token cache that training and scoring read."""
        return self.path / "tokens.parquet"

    @property
    def metrics_file(self) -> Path:
        """One JSON line at each logged step."""
        return self.path / "metrics.jsonl"

    @property
    def state_file(self) -> Path:
        """The state, replaced as a whole."""
        return self.path / "state.json"

    @property
    def pid_file(self) -> Path:
        """The process: its id and when it started, so that a reused id is not taken for it."""
        return self.path / "pid.json"

    @property
    def lock_file(self) -> Path:
        """The lock that the training process holds for its whole life."""
        return self.path / "lock"

    @property
    def log(self) -> Path:
        """What the training process printed."""
        return self.path / "log.txt"

    @property
    def checkpoints(self) -> Path:
        """Folder of resumable checkpoints."""
        return self.path / "checkpoints"

    @property
    def adapter(self) -> Path:
        """The finished adapter: whole or absent."""
        return self.path / "adapter"

    @property
    def evaluation(self) -> Path:
        """Folder of score tables."""
        return self.path / "evaluation"

    def recipe(self) -> Recipe:
        """Return the resolved recipe."""
        return load_recipe(self.recipe_file)

    def facts(self) -> dict[str, Any]:
        """Return what run.json says."""
        return _read_object(self.facts_file)

    def base_path(self) -> str:
        """Return the folder or Hub id that the base is loaded from on this machine."""
        return str(self.facts()["base"]["path"])

    def base_fingerprint(self) -> str:
        """Return the digest of the base that the run was prepared on (`workbench.lm.identity`)."""
        return str(self.facts()["base"]["fingerprint"])

    def check_base(self) -> None:
        """Raise CorruptionError where the base is not the one that was prepared; what was read once is kept."""
        facts = self.facts()
        if (now := check_base(facts["base"])) != facts["base"].get("files"):
            replace(self.facts_file, as_json(facts | {"base": facts["base"] | {"files": now}}))

    def note(self, name: str, fact: Any) -> None:  # noqa: ANN401 - any JSON value
        """Add to run.json a fact that only the training process knows."""
        replace(self.facts_file, as_json(self.facts() | {name: fact}))

    def state(self) -> dict[str, Any]:
        """Return what state.json says: state, reason, step, total, at; of a failed run its exit `code` too."""
        return _read_object(self.state_file)

    def status(self) -> str:
        """Return the state, or `lost` where it says running and the process is gone."""
        # The order matters: a run that ends between the two looks has written its state before it died.
        alive = self.is_alive()
        state = str(self.state()["state"])
        return LOST if state == "running" and not alive else state

    def set_state(self, state: State, reason: str = "", **more: int) -> None:
        """Replace state.json; steps already written there are kept."""
        before = _read_object(self.state_file) if self.state_file.is_file() else {}
        kept = {key: before[key] for key in ("step", "total") if key in before}
        now = datetime.now(UTC).isoformat(timespec="seconds")
        said: dict[str, Any] = {"state": state, "reason": reason, "at": now}
        replace(self.state_file, as_json(said | kept | more))

    def set_process(self, pid: int) -> None:
        """Write pid.json for a living process."""
        replace(self.pid_file, as_json({"pid": pid, "started": psutil.Process(pid).create_time()}))

    def process(self) -> psutil.Process | None:
        """Return the run's process, or None where it is gone, a zombie, or its id belongs to another now."""
        if not self.pid_file.is_file():
            return None
        said = _read_object(self.pid_file)
        try:
            process = psutil.Process(int(said["pid"]))
            same = abs(process.create_time() - float(said["started"])) < _CLOCK_SLACK
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    def is_alive(self) -> bool:
        """Say whether the run's process lives, also while it is being started and has no id yet."""
        return self.process() is not None or lock.is_held(self.lock_file)

    def metrics(self) -> tuple[dict[str, Any], ...]:
        """Return the logged lines; a torn last line, as a crash leaves it, is passed over."""
        return tuple(read_lines(self.metrics_file))

    def recent_metrics(self) -> tuple[dict[str, Any], ...]:
        """Return the last logged lines, at a cost that does not grow with the run."""
        if not self.metrics_file.is_file():
            return ()
        with self.metrics_file.open("rb") as handle:
            size = handle.seek(0, os.SEEK_END)
            handle.seek(max(size - _TAIL, 0))
            data = handle.read()
        return tuple(_parsed(data if size <= _TAIL else data.partition(b"\n")[2], self.metrics_file))


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a line file; raises CorruptionError for a bad line that is not the last."""
    return _parsed(path.read_bytes() if path.is_file() else b"", path)


def _parsed(data: bytes, path: Path) -> Iterator[dict[str, Any]]:
    lines = data.split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            yield json.loads(line)
        except ValueError as error:
            if number == len(lines):
                return
            hint = "the run's numbers are damaged; its checkpoints are not"
            raise CorruptionError(f"line {number} of {str(path)!r} is not JSON", hint) from error


def replace(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a crash, sees the old bytes or the new ones and never a part."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with out_of_space(path):
            with partial.open("wb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
            partial.replace(path)
            sync_folder(path.parent)
    finally:
        with suppress(OSError):  # on a read-only disk this would hide the first error
            partial.unlink()


def as_json(value: Mapping[str, Any]) -> bytes:
    """Return a JSON object as the run folder keeps it; a number that is not finite would be a bug here."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"{str(path)!r} is missing", "this run folder is not whole") from None
    except ValueError as error:
        raise CorruptionError(f"{str(path)!r} is not JSON", "this run folder was damaged") from error
    if not isinstance(value, dict):
        raise CorruptionError(f"{str(path)!r} is not a JSON object", "this run folder was damaged")
    return value
