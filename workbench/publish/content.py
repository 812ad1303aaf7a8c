"""Something to upload, with the digests by which the Hub and git name it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from workbench.fingerprint import digest_bytes, digest_file


@dataclass(frozen=True)
class Content:
    """The bytes of one file, here or on disk, and their size and sha256."""

    source: Path | bytes
    size: int
    sha256: str

    def git_name(self) -> str:
        """Return what git calls these bytes: the sha1 of a short header and of them."""
        digest = hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)
        if isinstance(self.source, bytes):
            digest.update(self.source)
            return digest.hexdigest()
        with self.source.open("rb") as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()


def content_of(source: Path | bytes) -> Content:
    """Measure a file or bytes."""
    if isinstance(source, bytes):
        return Content(source, len(source), digest_bytes(source))
    return Content(source, source.stat().st_size, digest_file(source))
