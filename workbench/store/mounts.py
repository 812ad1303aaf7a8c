"""Which file system a folder lies on: SQLite's locks do not hold on those of a network."""

from __future__ import annotations

import os
import re
from pathlib import Path

from workbench.errors import OutsideError

MOUNTS = Path("/proc/self/mounts")
AT_OWN_RISK = "WORKBENCH_NETWORK_STORE"
"""Environment variable that lets the log lie on a network file system all the same, set to 1."""
_NETWORK = re.compile(r"nfs\d*|cifs|smb\w*|afs|9p|lustre|ceph|glusterfs|fuse\..*")
_OCTAL = re.compile(r"\\(\d{3})")


def refuse_network(path: Path, mounts: Path | None = None) -> None:
    """Raise OutsideError for a place on a network file system, unless the environment says to go on.

    Locks and fsync are not kept there as SQLite needs them (sqlite.org/faq.html, question 5): two processes could
    both write, and what was acknowledged could be lost.
    """
    kind = file_system(path, mounts)
    if _NETWORK.fullmatch(kind) and os.environ.get(AT_OWN_RISK) != "1":
        raise OutsideError(
            f"{str(path.parent)!r} lies on a network file system ({kind}), where the log is not safe",
            f"put the workspace on a local disk, or go on at your own risk with {AT_OWN_RISK}=1",
        )


def file_system(path: Path, mounts: Path | None = None) -> str:
    """Return the kind of the file system that a path lies on, empty where the system does not tell (macOS)."""
    try:
        lines = (mounts or MOUNTS).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    whole, best, kind = path.resolve(), -1, ""
    for line in lines:
        _, place, mounted, *_ = [*line.split(" "), "", "", ""]
        point = Path(_OCTAL.sub(lambda match: chr(int(match[1], 8)), place) or "/")
        # The last of several mounts in one place is the one that counts.
        if whole.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), mounted
    return kind
