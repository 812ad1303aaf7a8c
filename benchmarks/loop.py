"""The loop, recorded: wrong answers are put in, the review queue finds them after a training, they are mended.

Run: .venv/bin/python benchmarks/loop.py [--seeds 5] [--write docs/loop.md]

CPU alone, the built-in tiny base, some minutes a seed. The first seed is shown command by command with its real
output; every seed gives one line of the table. The wrong answers are the right answers of other records of the same
language, so no rule can see them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from workbench.services.evaluation.scored import records
from workbench.store.store import Store
from workbench.workspace import Workspace

CORPUS, SHARE, EPOCHS = "domain-qa", 0.05, 6
QUIET = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "COLUMNS": "118"}
SHOWN = 8
"""Lines of the queue that are recorded."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Shell:
    """Runs commands of the workbench in one workspace and tells what they printed."""

    folder: Path
    say: Say

    def json(self, *words: str) -> Any:  # noqa: ANN401 - whatever the command says
        """Return the JSON object that a command prints."""
        return json.loads(self._output(*words, "--json"))

    def show(self, *words: str, lines: int | None = None) -> None:
        """Run a command and record it with its output, all or the first lines."""
        printed = self._output(*words).rstrip().splitlines()
        kept = printed[:lines] + ([f"... {len(printed) - lines} more lines"] if lines and len(printed) > lines else [])
        told = "\n".join(line.rstrip() for line in kept)
        self.say(f"```\n$ workbench {shlex.join(words)}\n{told}\n```\n")

    def _output(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "workbench", *words],
            cwd=self.folder,
            env=os.environ | QUIET,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"workbench {shlex.join(words)} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout


@dataclass(frozen=True)
class Outcome:
    """What one seed gave."""

    seed: int
    spoiled: int
    scored: int
    found: int
    """Wrong answers among the first `spoiled` records of the queue."""

    @property
    def precision(self) -> float:
        """Return the share of wrong answers at the head of the queue."""
        return self.found / self.spoiled

    @property
    def chance(self) -> float:
        """Return that share in a queue of random order."""
        return self.spoiled / self.scored


def spoil(shell: Shell, seed: int) -> dict[str, str]:
    """Give some trained records the answer of another one; return the right answers by record."""
    rows = trained(shell.folder)
    draw = random.Random(seed)
    wrong = draw.sample(rows, round(SHARE * len(rows)))
    for row in wrong:
        others = [o["answer"] for o in rows if o["lang"] == row["lang"] and o["answer"] != row["answer"]]
        shell.json("edit", CORPUS, row["id"], "--set", f"answer={draw.choice(others)}", "--reason", "spoiled")
    return {row["id"]: row["answer"] for row in wrong}


def trained(folder: Path) -> list[dict[str, Any]]:
    """Return the trained records of the newest version."""
    with Store(Workspace(folder)) as store:
        rows = records(store, store.version(CORPUS))
    return rows.filter(pl.col("split") == "train").sort("id").to_dicts()


def measure(shell: Shell, seed: int, run: str) -> None:
    """Train the newest version and measure it on both sides."""
    shell.json("train", CORPUS, "--name", run, "--set", f"train.epochs={EPOCHS}", "--set", f"train.seed={seed}")
    for split in ("train", "test"):
        shell.json("evaluate", run, "--split", split)


def find(shell: Shell, seed: int) -> tuple[Outcome, dict[str, str], list[str]]:
    """Spoil, train and ask the queue; return what came of it, the right answers, and the head of the queue."""
    shell.json("build", CORPUS)
    right = spoil(shell, seed)
    shell.say(
        f"{len(right)} of the trained records were given the answer of another record. A version of that, trained,"
    )
    shell.say("and what the review queue says of it:\n")
    shell.show("split", CORPUS, lines=7)
    measure(shell, seed, "spoiled")
    shell.show("review", CORPUS, "-n", str(SHOWN))
    waiting = shell.json("review", CORPUS, "-n", str(len(right)))
    head = [row["record"] for row in waiting["rows"]]
    scored = shell.json("hardest", "spoiled", "-n", "1")["scored"]
    return Outcome(seed, len(right), scored, sum(record in right for record in head)), right, head


def mend(shell: Shell, seed: int, right: dict[str, str], head: list[str]) -> None:
    """Mend what the head of the queue holds, train again, and show what that changed."""
    found = [record for record in head if record in right]
    shell.say(
        f"Of the first {len(head)} records of that queue {len(found)} are wrong answers. They are mended; the rest of"
    )
    shell.say("the head of the queue is right, and accepted, so that nobody is asked about it again:\n")
    for record in head:
        if record in right:
            shell.json("edit", CORPUS, record, "--set", f"answer={right[record]}", "--reason", "mended from the queue")
        else:
            shell.json("review", CORPUS, "--accept", record)
    shell.show("split", CORPUS, lines=7)
    measure(shell, seed, "mended")
    shell.say("What differs between the two versions, and what that did:\n")
    shell.show("diff", f"{CORPUS}@v2", f"{CORPUS}@v3", lines=6)
    shell.show("compare", "spoiled", "mended", "-n", "3", lines=14)


def table(outcomes: list[Outcome]) -> str:
    """Return one line a seed: what stood at the head of the queue, and how far above chance that is."""
    lines = [
        "| seed | wrong answers | of trained records | among the first as many | precision | chance | times chance |"
    ]
    lines += ["|---|---|---|---|---|---|---|"]
    for one in outcomes:
        lift = one.precision / one.chance
        cells = (
            one.seed,
            one.spoiled,
            one.scored,
            one.found,
            f"{one.precision:.2f}",
            f"{one.chance:.3f}",
            f"{lift:.1f}",
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def once(seed: int, say: Say, *, whole: bool) -> Outcome:
    """Go round in a scratch workspace; all the way, or only until the queue was asked."""
    with tempfile.TemporaryDirectory() as scratch:
        Shell(Path(scratch), say).json("init", "bench")
        shell = Shell(Path(scratch) / "bench", say)
        outcome, right, head = find(shell, seed)
        if whole:
            mend(shell, seed, right, head)
        return outcome


def main() -> None:
    """Record the first seed whole and the others as lines of the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--write", type=Path, help="page to write; without it everything is printed")
    asked = options.parse_args()
    said: list[str] = []
    outcomes = [once(0, said.append, whole=True)]
    outcomes += [once(seed, lambda _: None, whole=False) for seed in range(1, asked.seeds)]
    text = "\n".join([*said, "## Over several seeds", "", table(outcomes), ""])
    if asked.write:
        head = asked.write.read_text(encoding="utf-8").partition(MARK)[0] if asked.write.is_file() else ""
        asked.write.write_text(f"{head}{MARK}\n\n{text}", encoding="utf-8")
    else:
        sys.stdout.write(text)


MARK = "<!-- recorded: what follows is written by benchmarks/loop.py -->"

if __name__ == "__main__":
    main()
