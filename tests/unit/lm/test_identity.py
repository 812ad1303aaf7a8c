"""Facts about a base's identity: a changed base is found, an unchanged one is not read again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import CorruptionError
from workbench.lm import identity
from workbench.lm.identity import check_base, fingerprint_base, stamps


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_text(name)
    return tmp_path


def facts(base: Path) -> dict[str, Any]:
    return {"name": "small", "path": str(base), "fingerprint": fingerprint_base(base), "files": stamps(base)}


def test_a_base_with_other_weights_is_named(base: Path) -> None:
    said = facts(base)
    (base / "model.safetensors").write_text("other weights")
    with pytest.raises(CorruptionError, match="'small'"):
        check_base(said)


def test_an_untouched_base_is_not_read_again(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = facts(base)
    monkeypatch.delattr(identity, "digest_file")
    assert check_base(said) == said["files"]


def test_a_base_that_was_copied_is_the_same_and_gives_its_new_stamps(base: Path) -> None:
    said = facts(base)
    os.utime(base / "model.safetensors", (1, 1))
    assert check_base(said) == stamps(base) != said["files"]


def test_a_run_that_kept_no_stamps_is_compared_by_digest(base: Path) -> None:
    said = facts(base)
    del said["files"]
    assert check_base(said) == stamps(base)
