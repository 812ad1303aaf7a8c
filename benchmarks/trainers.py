"""Do other trainers learn the very tokens from an export that the workbench would?

    python benchmarks/trainers.py --with llama-factory=VENV/bin/python --with axolotl=VENV/bin/python

Each trainer is installed by you, in an environment of its own. Two sample corpora are split in a scratch workspace
and exported with the trainer's stub; the trainer's own code reads settings and records (benchmarks/trainer_loaders.py).
Its ids and labels of the training split are compared, record by record, with what the workbench trains on. No GPU,
no network: the base is `tiny`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from workbench.lm.template import NOT_LEARNED, encode
from workbench.lm.tokenizer import load_tokenizer
from workbench.lm.turns import with_turns
from workbench.recipe import load_recipe
from workbench.services.publishing.export import export
from workbench.services.publishing.stubs import StubOrder
from workbench.services.training import bases
from workbench.services.training.xray import examples
from workbench.services.versions.build import build
from workbench.store.store import Store
from workbench.workspace import Workspace

LOADERS = Path(__file__).with_name("trainer_loaders.py")
CASES = (
    ("chat", "messages", "inst"),
    ("chat", "messages", "instruction-response"),
    ("chat", "sharegpt", "inst"),
    ("chat", "messages", "auto"),
    ("instruct", "messages", "inst"),
    ("instruct", "alpaca", "instruction-response"),
    ("novel-chunks", "text", "none"),
)
"""Corpus, format and the recipe's template."""
Tokens = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Compared:
    """How the tokens of a trainer stand to ours."""

    ours: Counter[Tokens]
    theirs: Counter[Tokens]

    def row(self) -> str:
        """Return how many records were read, how many have the same ids, and how many the same learned tokens."""
        read = [self.theirs.total()]
        read += [(key(self.ours) & key(self.theirs)).total() for key in (_ids, _learned)]
        return " | ".join(f"{count} of {self.ours.total()}" for count in read)


def _ids(side: Counter[Tokens]) -> Counter[tuple[int, ...]]:
    return Counter(ids for ids, _ in side.elements())


def _learned(side: Counter[Tokens]) -> Counter[tuple[int, ...]]:
    # Nothing stands before the first token, so whatever its label says, it is not learned.
    return Counter(tuple(label for label in labels[1:] if label != NOT_LEARNED) for _, labels in side.elements())


def main() -> None:
    """Print one line of a table for each trainer and case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--with", dest="trainers", action="append", required=True, metavar="TRAINER=PYTHON")
    trainers = dict(pair.split("=", 1) for pair in parser.parse_args().trainers)
    print("| trainer | corpus | format | template | read | same ids | same learned tokens |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder, Store(Workspace.create(Path(folder) / "w")) as store:
        for corpus in sorted({corpus for corpus, _, _ in CASES}):
            build(store, corpus)
        for trainer, python in trainers.items():
            for case in CASES:
                print(f"| {trainer} | {' | '.join(case)} | {_line(store, trainer, python, case)} |", flush=True)


def _line(store: Store, trainer: str, python: str, case: tuple[str, str, str]) -> str:
    corpus, format, template = case
    order = StubOrder(trainer, "tiny", (f"template={template}", "train.max_length=2048"))
    place = store.workspace.export_folder("-".join((trainer, *case)))
    done = export(store, corpus, "latest", format=format, stub=order, folder=place)
    base = bases.located(store.workspace, "tiny")
    out = store.workspace.root / "tokens.json"
    said = subprocess.run(
        [python, LOADERS, trainer, base, out], cwd=done.folder, capture_output=True, text=True, env={**os.environ}
    )
    if said.returncode:
        print(said.stderr[-2000:], file=sys.stderr)
        return f"refused: {said.stderr.strip().splitlines()[-1]} | |"
    theirs = Counter((tuple(ids), tuple(labels)) for ids, labels in json.loads(out.read_text()))
    return Compared(_ours(store, case, base), theirs).row()


def _ours(store: Store, case: tuple[str, str, str], base: str) -> Counter[Tokens]:
    corpus, _, template = case
    recipe = load_recipe(store.workspace.recipe_file("tiny"))
    tokenizer = with_turns(load_tokenizer(base), template)
    version = store.version(corpus, "latest")
    found = [example for example in examples(store, version) if example.split == "train"]
    encoded = [
        encode(tokenizer, example.rendered, max_length=2048, completion_only=recipe.train.completion_only)
        for example in found
    ]
    return Counter((tuple(each.input_ids), tuple(each.labels)) for each in encoded)


if __name__ == "__main__":
    main()
