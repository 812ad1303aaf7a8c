"""`build`, `describe` and `export` on an engine: the same version, the same numbers, the same files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli import called

pytest.importorskip("daft", reason="the extra `scale` is not installed: pip install '.[scale]'")
pytestmark = pytest.mark.slow
CORPORA = ("domain-qa", "quiz", "novel-chunks")
FORMATS = ("parquet", "jsonl", "csv", "prompt-completion")


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    made = tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("spread")
    for room in made:
        assert called("init", ".", cwd=room).code == 0
    return made


def both(rooms: tuple[Path, Path], *arguments: str) -> tuple[Any, Any]:
    alone = called(*arguments, "--json", cwd=rooms[0])
    spread = called(*arguments, "--engine", "daft", "--workers", "2", "--json", cwd=rooms[1])
    assert spread.code == alone.code, spread.talk
    return alone.json, spread.json


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("corpus", CORPORA)
def test_what_an_engine_builds_describes_and_exports_is_the_same(rooms, corpus):
    alone, spread = both(rooms, "build", corpus)
    assert alone == spread and alone["version"]
    for named in (corpus, f"{corpus}@v1"):
        alone, spread = both(rooms, "describe", named)
        assert alone == spread
    for format in FORMATS:
        alone, spread = both(rooms, "export", corpus, "--format", format)
        if "error" in alone:
            assert alone == spread and (corpus, format) == ("novel-chunks", "prompt-completion")
            continue
        assert files(Path(alone["folder"])) == files(Path(spread["folder"])) and len(alone["files"]) > 2
        assert {**alone, "folder": ""} == {**spread, "folder": ""}
    assert not list((rooms[1] / ".workbench" / "tmp").iterdir())
