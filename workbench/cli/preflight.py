"""How a pre-flight is told on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.services.training.preflight import Preflight


def facts_of(found: Preflight, xray: dict[str, Any] | None) -> dict[str, Any]:
    """Return a pre-flight as `--json` prints it; `xray` is null where none could be made."""
    checks = [vars(check) for check in found.checks]
    named = {"corpus": found.corpus, "version": found.version, "recipe": found.recipe}
    return {**named, "green": found.is_green, "checks": checks, "xray": xray}


def lines_of(found: Preflight) -> list[str]:
    """Return a line a check, and one with what to do under each that is not fine."""
    width = max(len(check.name) for check in found.checks)
    told = []
    for check in found.checks:
        told.append(f"{check.verdict:4}  {check.name:{width}}  {check.said}")
        if check.verdict != "ok":
            told.append(f"{'':{width + 8}}{check.code}: {check.fix}")
    return told
