"""Fetch the chosen files of a repository, check each against what was said of it, and join the shards of a split."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.errors import CorruptionError, DataError, OutsideError
from workbench.fingerprint import digest_bytes
from workbench.publish.content import content_of
from workbench.publish.incoming import Incoming, Split
from workbench.publish.meter import Meter, Report, size
from workbench.publish.patience import patiently
from workbench.publish.remote import Repository, fetch
from workbench.readers.unpacked import Allowance, check_parquet, unpacked
from workbench.text import counted, show

MOST_BYTES = 50_000_000_000
"""Bytes that a pull fetches at most, all files together."""
_SPARE = 2
"""Times what is fetched that must be free: the copy here, and the one that the store keeps."""
_ROWS = 256
_NAME = 60
"""Characters of a path that stay in the name of a file."""
_JOINED = (".parquet", ".jsonl", ".ndjson")


@dataclass(frozen=True)
class Part:
    """Files of one split that make one source together."""

    name: str
    """What tells this part from the others: a split, or a path."""
    split: Split | None
    files: tuple[Incoming, ...]

    @property
    def file_name(self) -> str:
        """Return a name for the joined file that is ours alone, whatever the repository calls its own."""
        return f"{_clean(self.name)}{PurePosixPath(self.files[0].path).suffix.lower()}"


def folder_name(origin: str) -> str:
    """Return a name for the folder of a repository, `owner--name`, or of one of its configurations."""
    return _clean(origin.replace("/", "--", 1))


def _clean(name: str) -> str:
    clean = "".join(sign if sign.isalnum() or sign in "._-" else "-" for sign in name).strip(".-")[:_NAME]
    # Two names may come to one that way, and the second would take the first one's place.
    return clean if clean == name else f"{clean}-{digest_bytes(name.encode('utf-8', 'surrogatepass'))[:12]}"


def parts_of(files: Sequence[Incoming]) -> tuple[Part, ...]:
    """Return what becomes one source each: the shards of a split together where they can be joined."""
    splits = dict.fromkeys(file.split for file in files)
    parts: list[Part] = []
    for split in splits:
        held = tuple(file for file in files if file.split == split)
        forms = {PurePosixPath(file.path).suffix.lower() for file in held}
        together = len(held) == 1 or (split is not None and len(forms) == 1 and forms <= set(_JOINED))
        if together and (split is not None or len(files) == 1):
            parts.append(Part(split or "records", split, held))
        else:
            parts += [Part(PurePosixPath(file.path).as_posix(), split, (file,)) for file in held]
    return tuple(parts)


def check_room(files: Sequence[Incoming], folder: Path) -> None:
    """Raise OutsideError where what would be fetched is too much for anybody, or for this disk."""
    wanted, free = sum(file.size for file in files), shutil.disk_usage(folder).free
    what = f"{counted(len(files), 'file')} of {size(wanted)} would be fetched"
    if wanted > MOST_BYTES:
        raise OutsideError(f"{what}, more than the {size(MOST_BYTES)} of a pull", "fetch what you need by hand")
    if wanted * _SPARE > free:
        raise OutsideError(f"{what}, and {size(free)} are free", f"make {size(wanted * _SPARE)} free")


def fetch_all(
    repository: Repository, commit: str, parts: Sequence[Part], folder: Path, report: Report
) -> dict[str, Path]:
    """Fetch every file below `folder`, check it, join it, and return the file of each part by the part's name."""
    meter = Meter("fetching", sum(file.size for part in parts for file in part.files), report)
    made = {}
    for part in parts:
        with TemporaryDirectory(dir=folder, prefix="shards-") as shards:
            fetched = [
                _checked((repository, commit), file, Path(shards) / str(at), meter)
                for at, file in enumerate(part.files)
            ]
            made[part.name] = _joined(part, fetched, folder / part.file_name)
    return made


def _checked(place: tuple[Repository, str], file: Incoming, folder: Path, meter: Meter) -> Path:
    folder.mkdir()
    repository, commit = place
    path = patiently(partial(fetch, repository, file.path, commit, folder, meter.within))
    meter.add(file.size)
    # What lies there must be the file that was asked for and nothing that points elsewhere.
    if path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{show(file.path)!r} is no file of its own", "do not use this repository")
    if not file.holds(content_of(path)):
        raise CorruptionError(f"{show(file.path)!r} did not arrive as it lies on the Hub", "pull again")
    return path


def _joined(part: Part, shards: Sequence[Path], place: Path) -> Path:
    if len(shards) == 1:
        return shards[0].rename(place)
    if place.suffix == ".parquet":
        _join_parquet(part, shards, place)
    else:
        _join_lines(shards, place)
    return place


def _join_lines(shards: Sequence[Path], place: Path) -> None:
    with place.open("wb") as whole:
        for shard in shards:
            with shard.open("rb") as handle:
                shutil.copyfileobj(handle, whole)
                if handle.tell():
                    handle.seek(-1, os.SEEK_END)
                    whole.write(b"" if handle.read(1) == b"\n" else b"\n")


def _join_parquet(part: Part, shards: Sequence[Path], place: Path) -> None:
    """Write the rows of all shards as one file, in small batches: a shard may unpack to far more than it weighs."""
    try:
        with pq.ParquetFile(shards[0]) as first:
            schema = first.schema_arrow
        with pq.ParquetWriter(place, schema, compression="zstd") as whole:
            for shard in shards:
                _append(shard, whole)
    except (pa.ArrowException, OSError, ValueError) as error:
        what = f"the shards of {show(part.name)!r} cannot be joined: {show(str(error), limit=200)}"
        raise DataError(what, "fetch them by hand and ingest them one by one") from error


def _append(shard: Path, whole: pq.ParquetWriter) -> None:
    with pq.ParquetFile(shard, memory_map=True, pre_buffer=False) as file:
        check_parquet(shard, file)
        allowance = Allowance.of(shard)
        for batch in file.iter_batches(batch_size=_ROWS):
            batch.validate(full=True)
            allowance.take(sum(unpacked(column) for column in batch.columns))
            whole.write_batch(batch)
