"""The prompt page with a real model, in another process and in a browser: loaded once, asked in words of one's own."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from tests.chromium import CHROMIUM, chromium
from tests.cli import workbench
from tests.flow.test_browser import ROWS, served
from workbench.services.apart import Resident
from workbench.services.evaluation.judgements import Said
from workbench.services.evaluation.playground import answers
from workbench.services.progress import silent
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow
SIDES = (("run", "base"), ("run", "tuned"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a run of the tiny base that has finished."""
    root = tmp_path_factory.mktemp("playground")
    (root / "numbers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    assert workbench("init", "bench", "--bare", cwd=root).code == 0
    for words in (("ingest", "numbers", "../numbers.jsonl"), ("split", "numbers")):
        assert workbench(*words, cwd=root / "bench").code == 0
    done = workbench("train", "numbers", "--name", "run", "--set", "train.epochs=1", cwd=root / "bench")
    assert done.code == 0, done.talk
    return root / "bench"


def test_a_model_is_loaded_once_and_answers_the_same_prompt_alike(trained: Path) -> None:
    resident, told = Resident(), []
    ask = partial(answers, Workspace(trained), SIDES)
    try:
        first = resident(partial(ask, "Which number follows 3?"), lambda line, *_: told.append(line))
        process = resident._process
        again = resident(partial(ask, "Which number follows 3?"), silent)
        assert resident._process is process
    finally:
        resident.close()
    assert first == again and [type(said) for said in first] == [Said, Said]
    assert first[0].text != first[1].text and "asking run tuned" in told


@pytest.mark.skipif(CHROMIUM is None, reason="NOT TESTED: no Chromium here; apt-get install chromium")
async def test_both_are_asked_in_a_browser_and_judged_blind(trained: Path) -> None:
    async with served(trained) as url, chromium() as tab:
        await tab.open(url)
        await tab.until("numbers")
        await tab.press("Enter")
        await tab.until("Which number follows 0?")
        await tab.type("4")
        await tab.until("run: base")
        await tab.type("p")
        await tab.until("ask both")
        await tab.type("Which number follows 3?")
        await tab.press("Enter")
        await tab.until("own prompts 1")
        await tab.press("Escape")
        await tab.type("b")
        await tab.until("blind: 0 of 1")
        await tab.type("]")
        await tab.until("blind: 1 of 1")
        await tab.type("b")
        await tab.until("1 verdict")
    found = workbench("compare", "run", "--judgements", "--json", cwd=trained).json
    assert sum(found["counts"].values()) == 1
    assert found["judgements"][0]["prompt"] == "Which number follows 3?"
