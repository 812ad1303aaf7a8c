"""Count the bytes inside one call of the client library, which draws bars for people and hands no counts on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from io import BufferedReader, FileIO
from threading import Lock
from types import ModuleType
from typing import Any, BinaryIO

import huggingface_hub.utils as library
from huggingface_hub import CommitOperationAdd

from workbench.errors import Cancelled

Watch = Callable[[int], None]
"""Takes the bytes that have gone so far; fewer than before where a transfer begins again."""

_ONE_AT_A_TIME = Lock()
_DRAWING, _BARS = "huggingface_hub.utils._xet_progress_reporting", "XetUploadProgressReporter"
_UNWANTED = "are_progress_bars_disabled"


def _unbroken(watch: Watch, count: int) -> None:
    """Tell a count from inside of hf_xet, which prints what is raised there and goes on: the next file ends it."""
    with suppress(Cancelled):
        watch(count)


def bar_for(watch: Watch) -> type[Any]:
    """Return what the library takes for a class of bars, of which each tells the bytes of one download."""

    class Bar:
        def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - whatever tqdm takes
            self.n, self.total = int(settings.get("initial") or 0), settings.get("total")

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *failure: object) -> None:
            """A bar has nothing to end."""

        def update(self, count: int = 1) -> None:
            self.n += count
            _unbroken(watch, self.n)

        def set_postfix_str(self, *words: object, **settings: object) -> None:
            """The pace is told by the meter."""

        # Xet counts what comes over the line and what it makes of it: a bar that takes both is the only one.
        update_transfer = set_transfer_postfix_str = refresh = close = set_postfix_str

    return Bar


class WatchedAddition(CommitOperationAdd):  # type: ignore[misc, unused-ignore]
    """One file to upload that tells how much of it was read, for as long as Git LFS sends it."""

    watch: Watch | None = None

    @contextmanager
    def as_file(self, with_tqdm: bool = False) -> Iterator[BinaryIO]:
        """Yield the open file; the library asks for a bar where it sends the file, and for none where it hashes it."""
        if with_tqdm and self.watch is not None and isinstance(self.path_or_fileobj, str):
            with _Watched(FileIO(self.path_or_fileobj)) as file:
                file.watch = self.watch
                yield file
        else:
            with super().as_file() as plain:
                yield plain


class _Watched(BufferedReader):
    watch: Watch

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.watch(self.tell())
        return data


@contextmanager
def watching_xet(watch: Watch) -> Iterator[None]:
    """Tell the bytes that hf_xet has worked through while the block uploads; in this process one after another.

    The library asks hf_xet for counts only to draw bars of its own, from inside. For as long as the block lasts it is
    told that bars are wanted, which they are not where they are made, and `watch` hears what they would show. A release
    that does this otherwise tells nothing here, and draws nothing.
    """
    drawing = _drawing()
    if drawing is None:
        yield
        return

    class Counts(getattr(drawing, _BARS)):  # type: ignore[misc]
        def update_progress(self, group: Any, *_files: object) -> None:  # noqa: ANN401 - of an untyped library
            _unbroken(watch, int(getattr(group, "total_bytes_completed", 0)))

    with _ONE_AT_A_TIME, _standing_in(library, _UNWANTED, lambda *_of: False), _standing_in(drawing, _BARS, Counts):
        yield


def _drawing() -> ModuleType | None:
    """Return where the library keeps the bars of an upload; None of a release that keeps them elsewhere."""
    with suppress(ImportError):
        drawing = import_module(_DRAWING)
        return drawing if hasattr(drawing, _BARS) and hasattr(library, _UNWANTED) else None
    return None


@contextmanager
def _standing_in(place: ModuleType, name: str, value: object) -> Iterator[None]:
    own = getattr(place, name)
    setattr(place, name, value)
    try:
        yield
    finally:
        setattr(place, name, own)
