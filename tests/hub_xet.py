"""What hf_xet leaves in the folder that stands for its storage service: names of files, and their bytes.

`casUrl=local://FOLDER` is the library's own simulation: undocumented, so one test pins it.
"""

from __future__ import annotations

import struct
from pathlib import Path
from tempfile import TemporaryDirectory

_ENTRY, _HEADER = 48, 48
_END = b"\xff" * 32
_VERIFIED, _EXTENDED = 1 << 31, 1 << 30


def names(cas: Path) -> dict[str, str]:
    """Return the name that Xet gives to each file, by the file's sha256, from the file section of every shard."""
    found: dict[str, str] = {}
    for shard in cas.rglob("*.mdb"):
        found |= _files(shard.read_bytes())
    return found


def _files(shard: bytes) -> dict[str, str]:
    found, at = {}, _HEADER
    while at + _ENTRY <= len(shard):
        name, (flags, segments) = shard[at : at + 32], struct.unpack("<II", shard[at + 32 : at + 40])
        at += _ENTRY
        if name == _END:
            break
        at += _ENTRY * segments * (2 if flags & _VERIFIED else 1)
        if flags & _EXTENDED:
            found[_hex(shard[at : at + 32])] = _hex(name)
            at += _ENTRY
    return found


def _hex(name: bytes) -> str:
    return "".join(f"{part:016x}" for part in struct.unpack("<4Q", name))


def held(cas: Path, sha256: str) -> dict[str, bytes]:
    """Return {sha256: bytes} of a file that was sent through Xet, read back as a client would; {} where it is not."""
    known = names(cas)
    return {sha256: _read(cas, known[sha256])} if sha256 in known else {}


def _read(cas: Path, name: str) -> bytes:
    from hf_xet import XetFileInfo, XetSession

    with TemporaryDirectory() as folder:
        place = Path(folder) / "file"
        with XetSession().new_file_download_group(endpoint=f"local://{cas}") as group:
            group.start_download_file(XetFileInfo(name, None), str(place))
        return place.read_bytes()
