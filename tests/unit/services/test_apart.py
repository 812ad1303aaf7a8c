"""Facts about work in a process of its own: results, errors and progress come back, and it can be ended."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from threading import Event, Thread

import pytest

from workbench.errors import Cancelled, DataError, OutsideError, WorkbenchError
from workbench.services.apart import Apart, Here, Resident, _ended
from workbench.services.progress import Report, silent


def counted(much: int, report: Report) -> tuple[int, int]:
    """Count, and say so."""
    for done in range(much):
        report("counting", done + 1, much)
    return much, os.getpid()


def printing(report: Report) -> str:
    """Print where a screen would be."""
    os.write(1, b"to stdout")
    os.write(2, b"to stderr")
    return "printed"


def failing(report: Report) -> None:
    """Raise an error of ours."""
    raise DataError("torn", "mend it")


def broken(report: Report) -> None:
    """Raise an error that is a bug."""
    {}["no such key"]


def waiting(report: Report) -> None:
    """Say one thing and then nothing for long."""
    report("waiting")
    time.sleep(60)


def dying(by: signal.Signals, report: Report) -> None:
    """End as the kernel ends what takes too much memory, or looks at a mapped file that was cut short."""
    os.kill(os.getpid(), by)


@pytest.fixture(scope="module")
def apart() -> Iterator[Apart]:
    made = Apart(needed=())
    yield made
    made.close()


def test_work_is_done_in_another_process_and_its_progress_comes_back(apart: Apart) -> None:
    told: list[tuple[str, int, int]] = []
    much, process = apart(partial(counted, 3), lambda line, done=0, total=0: told.append((line, done, total)))
    assert (much, process != os.getpid()) == (3, True)
    assert [what for what in dict.fromkeys(told) if what[0]] == [
        ("counting", 1, 3),
        ("counting", 2, 3),
        ("counting", 3, 3),
    ]


def test_errors_of_ours_come_back_whole(apart: Apart) -> None:
    with pytest.raises(DataError, match="torn") as caught:
        apart(failing, silent)
    assert caught.value.hint == "mend it"


def test_a_bug_comes_back_with_its_name_and_place(apart: Apart) -> None:
    with pytest.raises(RuntimeError, match="KeyError: 'no such key'") as caught:
        apart(broken, silent)
    assert "in broken" in caught.value.__notes__[0]


def test_nothing_that_is_printed_there_reaches_this_terminal(apart: Apart, capfd: pytest.CaptureFixture[str]) -> None:
    assert apart(printing, silent) == "printed"
    assert capfd.readouterr() == ("", "")


def test_work_that_says_nothing_is_ended_too(apart: Apart) -> None:
    heard: list[str] = []

    def report(line: str, done: int = 0, total: int = 0) -> None:
        heard.append(line)
        if heard.count("waiting") > 1:
            raise Cancelled("enough")

    began = time.monotonic()
    with pytest.raises(Cancelled, match="enough"):
        apart(waiting, report)
    assert time.monotonic() - began < 50


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGBUS, signal.SIGUSR1])
def test_a_process_that_a_signal_ends_is_an_error_that_names_it(apart: Apart, by: signal.Signals) -> None:
    with pytest.raises(OutsideError, match=f"ended by {by.name}") as caught:
        apart(partial(dying, by), silent)
    assert ("memory" in caught.value.hint) == (by is signal.SIGKILL)


@pytest.mark.parametrize(("code", "said"), [(3, "ended with exit code 3"), (-41, "ended by signal 41")])
def test_other_ends_of_a_process_are_named_too(code: int, said: str) -> None:
    assert _ended(code).what.endswith(said) and _ended(code).hint == "try again"


def test_work_can_be_done_here(apart: Apart) -> None:
    assert Here()(partial(counted, 2), silent) == (2, os.getpid())


def held(key: str, report: Report, _held: dict[str, int] = {}) -> tuple[int, int]:  # noqa: B006 - kept on purpose
    """Count how often this process was asked."""
    _held[key] = _held.get(key, 0) + 1
    return _held[key], os.getpid()


@pytest.fixture
def resident() -> Iterator[Resident]:
    made = Resident()
    yield made
    made.close()


def test_a_resident_keeps_what_its_work_has_loaded_also_after_an_error(resident: Resident) -> None:
    assert resident._process is None
    first, process = resident(partial(held, "model"), silent)
    with pytest.raises(DataError):
        resident(failing, silent)
    assert (first, resident(partial(held, "model"), silent)) == (1, (2, process))
    assert process != os.getpid()


def test_a_resident_begins_anew_after_a_cancel_and_after_its_end(resident: Resident) -> None:
    _, process = resident(partial(held, "model"), silent)

    def cancelled(line: str, done: int = 0, total: int = 0) -> None:
        if line == "waiting":
            raise Cancelled("enough", "")

    with pytest.raises(Cancelled):
        resident(waiting, cancelled)
    again, other = resident(partial(held, "model"), silent)
    assert again == 1 and other != process
    with pytest.raises(OutsideError):
        resident(partial(dying, signal.SIGKILL), silent)
    assert resident(partial(held, "model"), silent)[0] == 1
    resident.close()
    assert resident(partial(held, "model"), silent)[0] == 1


def test_a_resident_that_is_closed_cancels_its_work_and_begins_anew(resident: Resident) -> None:
    began, ended = Event(), list[BaseException]()

    def asked() -> None:
        try:
            resident(waiting, lambda line, *_: began.set() if line == "waiting" else None)
        except WorkbenchError as error:
            ended.append(error)

    thread = Thread(target=asked)
    thread.start()
    assert began.wait(60)
    resident.close()
    thread.join(60)
    assert [type(error) for error in ended] == [Cancelled] and resident._process is None
    assert resident(partial(held, "model"), silent)[0] == 1


def test_work_that_waits_for_its_turn_says_so_and_can_be_cancelled(resident: Resident) -> None:
    began, enough = Event(), Event()

    def first(line: str, done: int = 0, total: int = 0) -> None:
        began.set()
        if enough.is_set():
            raise Cancelled("enough", "")

    def second(line: str, done: int = 0, total: int = 0) -> None:
        raise Cancelled(line, "")

    thread = Thread(target=lambda: suppressed(resident, first))
    thread.start()
    assert began.wait(60)
    with pytest.raises(Cancelled, match="waiting for its turn"):
        resident(partial(held, "model"), second)
    enough.set()
    thread.join(60)
    assert not thread.is_alive()


def suppressed(resident: Resident, report: Report) -> None:
    """Wait until the work is cancelled."""
    with suppress(Cancelled):
        resident(waiting, report)
