"""The identity of a base: the digest of all that decides its numbers, and whether it is still the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.errors import CorruptionError, UsageError
from workbench.fingerprint import digest, digest_file
from workbench.lm.load import base_folder

_FILES = ("*.safetensors", "config.json", "tokenizer*.json", "chat_template.jinja")


def fingerprint_base(folder: Path) -> str:
    """Return the digest of a base: its weights, configuration, tokenizer and template, by file name."""
    return digest({path.name: digest_file(path) for path in _files(folder)})


def stamps(folder: Path) -> dict[str, list[int]]:
    """Return size and time of change (ns) of every file of a base, by path: while these stay, the digest does."""
    found = {str(path): path.stat() for path in _files(folder)}
    return {path: [status.st_size, status.st_mtime_ns] for path, status in found.items()}


def check_base(base: Mapping[str, Any]) -> dict[str, list[int]]:
    """Return the stamps of a base as run.json tells it; raises CorruptionError where it is another one now."""
    folder = base_folder(base["path"])
    now = stamps(folder)
    if now != base.get("files") and fingerprint_base(folder) != base["fingerprint"]:
        hint = "put the old files back, or prepare a new run on the base as it is now"
        raise CorruptionError(f"the base {base['name']!r} in {str(folder)!r} changed since the X-ray", hint)
    return now


def _files(folder: Path) -> list[Path]:
    found = sorted({path for pattern in _FILES for path in folder.glob(pattern)})
    if not found:
        raise UsageError(f"no base in {str(folder)!r}", "it must hold config.json and safetensors files")
    return found
