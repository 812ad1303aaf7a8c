"""Facts about long work: it tells how far it is, can be ended, outlives its screen, and never blocks a key."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from textual.pilot import Pilot

from tests.tui.pilots import Open, painted, settle, until
from workbench.errors import Cancelled, DataError
from workbench.services.progress import Report, span
from workbench.tui.app import WorkbenchApp
from workbench.tui.jobs import Job, Jobs
from workbench.tui.screens.base import WorkScreen
from workbench.tui.screens.confirm import ConfirmSheet
from workbench.tui.screens.corpora import CorporaScreen
from workbench.tui.screens.jobs import JobsDrawer
from workbench.tui.screens.records import RecordsScreen
from workbench.tui.screens.sheets import ErrorSheet


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def job(clock: Clock) -> Job:
    begun = Jobs(clock).begin("ingest towns", "towns")
    assert begun is not None
    return begun


def test_the_end_is_foretold_from_the_pace_so_far(job: Job, clock: Clock) -> None:
    job.report("reading rows.jsonl", 0, 400)
    clock.now += 10
    job.report("reading rows.jsonl", 100, 400)
    assert job.seconds_to_go == 30
    assert job.in_words() == "ingest towns  reading rows.jsonl  100 of 400 (25%)  30 s to go"


def test_the_pace_of_one_stage_says_nothing_of_the_next(job: Job, clock: Clock) -> None:
    job.report("reading", 10, 10)
    clock.now += 500
    job.report("hashing", 0, 100)
    clock.now += 2
    job.report("hashing", 50, 100)
    assert job.seconds_to_go == 2


def test_what_was_done_before_a_stage_was_told_of_is_no_part_of_its_pace(job: Job, clock: Clock) -> None:
    for done in (900, 400):  # gone on with where it was; begun anew, for a part of it
        job.report("sending", done, 1000)
        clock.now += 5
        assert job.seconds_to_go is None
        job.report("sending", done + 50, 1000)
        assert job.seconds_to_go == 5 * (950 - done) / 50


def test_a_count_within_the_line_keeps_its_stage(job: Job, clock: Clock) -> None:
    job.report("reading a.jsonl: 10 rows", 100, 1000)
    clock.now += 4
    job.report("reading a.jsonl: 20 rows", 200, 1000)
    assert job.seconds_to_go == 32
    assert job.in_words() == "ingest towns  reading a.jsonl: 20 rows  20%  32 s to go"


@pytest.mark.parametrize(("done", "total"), [(0, 0), (5, 0), (0, 5)])
def test_nothing_is_foretold_of_what_nobody_can_know(job: Job, clock: Clock, done: int, total: int) -> None:
    job.report("reading", done, total)
    clock.now += 5
    job.report("reading", done, total)
    assert job.seconds_to_go is None


def test_a_job_told_to_end_ends_at_its_next_word(job: Job) -> None:
    job.report("reading", 1, 2)
    job.cancel()
    with pytest.raises(Cancelled) as ended:
        job.report("reading", 2, 2)
    job.close(ended.value)
    assert (job.state, job.error) == ("cancelled", None)


def test_one_job_at_a_time_writes_to_a_corpus(clock: Clock) -> None:
    jobs = Jobs(clock)
    first = jobs.begin("ingest towns", "towns")
    assert first is not None
    assert jobs.begin("split towns", "towns") is None
    assert jobs.begin("describe towns", "towns", writes=False) is not None
    assert jobs.begin("split story", "story") is not None
    first.close()
    assert jobs.begin("split towns", "towns") is not None


def test_jobs_that_are_over_are_forgotten_in_time_and_running_ones_never(clock: Clock) -> None:
    jobs = Jobs(clock)
    running = jobs.begin("long", "towns")
    for number in range(60):
        short = jobs.begin(f"short {number}", writes=False)
        assert short is not None
        short.close()
    assert running in jobs.jobs
    assert len(jobs.jobs) < 30
    assert jobs.jobs[-1].name == "short 59"


@pytest.mark.parametrize(("seconds", "words"), [(9.4, "9 s"), (61, "1 min 1 s"), (3600 * 3 + 120, "3 h 2 min")])
def test_a_span_of_time_is_told_in_whole_units(seconds: float, words: str) -> None:
    assert span(seconds) == words


@dataclass
class Held:
    """Work that says one thing and then goes on only when it may."""

    may_end: threading.Event = field(default_factory=threading.Event)
    said: threading.Event = field(default_factory=threading.Event)

    def __call__(self, report: Report) -> str:
        report("reading rows.jsonl", 120_000, 1_000_000)
        self.said.set()
        while not self.may_end.wait(0.01):
            report("reading rows.jsonl", 120_000, 1_000_000)
        return "taken in"


@contextmanager
def held() -> Iterator[Held]:
    """Have work that ends at the latest with the test."""
    work = Held()
    try:
        yield work
    finally:
        work.may_end.set()


async def begin(pilot: Pilot[None], work: Callable[[Report], object], corpus: str = "towns") -> list[object]:
    """Begin work on the screen that is shown; the list gets its result."""
    made: list[object] = []
    assert isinstance(pilot.app.screen, WorkScreen)
    assert pilot.app.screen.begin(f"ingest {corpus}", work, made.append, corpus=corpus)
    return made


async def test_a_running_job_shows_its_count_and_leaves_the_keys_alone(opened: Open) -> None:
    app = opened()
    with held() as work:
        async with app.run_test(size=(120, 30)) as pilot:
            await settle(pilot)
            made = await begin(pilot, work)
            await until(pilot, lambda: "ingest towns  reading rows.jsonl  120,000 of 1,000,000 (12%)" in painted(app))
            await pilot.press("j")
            await pilot.pause()
            assert app.screen.chosen_corpus() == "towns"
            work.may_end.set()
            await settle(pilot)
            assert made == ["taken in"]
            assert "120,000 of" not in painted(app)


async def test_a_job_outlives_the_screen_that_began_it(opened: Open) -> None:
    app = opened()
    with held() as work:
        async with app.run_test(size=(120, 30), notifications=True) as pilot:
            await settle(pilot)
            screen = RecordsScreen(app.desk, "towns")
            await app.push_screen(screen)
            made = await begin(pilot, work)
            await app.pop_screen()
            assert not screen.is_attached
            await until(pilot, lambda: "120,000 of 1,000,000" in painted(app))
            work.may_end.set()
            await settle(pilot)
            assert made == []
            assert "ingest towns: done" in painted(app)


async def test_the_drawer_lists_jobs_and_x_cancels_the_chosen_one(opened: Open) -> None:
    app = opened()
    with held() as work:
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await settle(pilot)
            made = await begin(pilot, work)
            await until(pilot, work.said.is_set)
            await pilot.press("J")
            await pilot.pause()
            assert isinstance(app.screen, JobsDrawer)
            assert "running" in painted(app) and "120,000 of 1,000,000" in painted(app)
            await pilot.press("x")
            await settle(pilot)
            await until(pilot, lambda: "cancelled" in painted(app))
            assert (made, app.jobs.going()) == ([], [])
            await pilot.press("escape")
            await pilot.pause()
            assert isinstance(app.screen, CorporaScreen)


async def test_a_second_job_on_a_corpus_is_refused_in_words(opened: Open) -> None:
    app = opened()
    with held() as work:
        async with app.run_test(size=(120, 30), notifications=True) as pilot:
            await settle(pilot)
            await begin(pilot, work)
            assert isinstance(app.screen, WorkScreen)
            assert not app.screen.begin("split towns", work, lambda _: None, corpus="towns")
            await pilot.pause()
            assert "ingest towns is under way" in painted(app)


async def test_what_goes_wrong_in_a_job_is_shown_and_kept_in_the_drawer(opened: Open) -> None:
    def fail(_report: Report) -> None:
        raise DataError("the file \x1b[2J is torn", "mend it")

    app = opened()
    async with app.run_test(size=(120, 30)) as pilot:
        await settle(pilot)
        await begin(pilot, fail)
        await settle(pilot)
        assert isinstance(app.screen, ErrorSheet)
        assert "the file ␛[2J is torn" in painted(app)
        await pilot.press("escape", "J")
        await pilot.pause()
        assert "failed" in painted(app) and "mend it" in painted(app)


async def quitting(pilot: Pilot[None], app: WorkbenchApp, *keys: str) -> None:
    await pilot.press("q")
    await until(pilot, lambda: isinstance(app.screen, ConfirmSheet))
    await pilot.press(*keys)
    await pilot.pause()


async def test_quitting_while_a_job_writes_asks_once(opened: Open) -> None:
    app = opened()
    with held() as work:
        async with app.run_test(size=(120, 30)) as pilot:
            await settle(pilot)
            await begin(pilot, work)
            await quitting(pilot, app, "escape")
            assert app.is_running and len(app.jobs.going()) == 1
            await quitting(pilot, app, "enter")
            assert app._exit


async def test_without_a_job_that_writes_quitting_asks_nothing(opened: Open) -> None:
    app = opened()
    with held() as work:
        async with app.run_test(size=(120, 30)) as pilot:
            await settle(pilot)
            assert isinstance(app.screen, WorkScreen)
            app.screen.begin("describe towns", work, lambda _: None, corpus="towns", writes=False)
            await pilot.press("q")
            assert app._exit


async def test_a_job_whose_worker_is_cancelled_has_no_result_and_ends_at_its_next_word(opened: Open) -> None:
    app = opened()
    with held() as work:
        async with app.run_test(size=(120, 30), notifications=True) as pilot:
            await settle(pilot)
            made = await begin(pilot, work)
            await until(pilot, work.said.is_set)
            next(worker for worker in app.workers if worker.group == "job").cancel()
            await until(pilot, lambda: "ingest towns: cancelled" in painted(app))
            [job] = app.jobs.jobs
            assert (job.state, made) == ("cancelled", [])
            with pytest.raises(Cancelled):
                job.report("reading", 2, 2)
