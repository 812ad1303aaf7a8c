"""Whatever fails on the way to the Hub, there is never half a version there, never two, and pushing again ends it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from httpx2 import Timeout

from tests.exports import an_export
from tests.hub import SLOW, Hub
from workbench.errors import Cancelled, OutsideError, WorkbenchError
from workbench.publish import refusals
from workbench.publish.hub import Pushed, push
from workbench.publish.pausing import telling

pytestmark = pytest.mark.thorough

REPO = "me/quiz"
CREATE, INFO, REFS = "POST /api/repos/create", "GET /api/datasets/me/quiz$", "GET .*/refs"
UPLOAD, SENT = "PUT /lfs/", "POST /lfs/.*/verify"
COMMIT, TAG, LOOK, BACK = "POST .*/commit/", "POST .*/tag/", "GET .*/revision/", "GET /cdn/"
CUT = 0
USED_UP = {"RateLimit": '"api";r=0;t=55', "RateLimit-Policy": '"fixed window";"api";q=1000;w=300'}
FULL = "Private repository storage limit reached, please upgrade your plan to increase your private storage limit."


class Case(NamedTuple):
    """One fault: which call, what becomes of it, how often, and whether the push ends well all the same."""

    call: str
    status: int
    ends_well: bool
    done: bool = False
    times: int = 1
    headers: Mapping[str, str] = {}


CASES = {
    "the token has expired": Case("GET /api/whoami-v2", 401, ends_well=False),
    "whose token it is cannot be told at first": Case("GET /api/whoami-v2", 503, ends_well=True),
    "the repository may not be made": Case(CREATE, 403, ends_well=False),
    "the repository was made and the answer cut": Case(CREATE, CUT, ends_well=True, done=True),
    "the Hub fails while it is asked what it holds": Case(INFO, 500, ends_well=True),
    "the Hub is down": Case(INFO, 503, ends_well=False, times=99),
    "the tags cannot be read": Case(REFS, 502, ends_well=False, times=99),
    "the way of uploading is told late": Case("POST .*/preupload/", 503, ends_well=True),
    "storage refuses": Case("POST .*/objects/batch", 403, ends_well=False),
    "storage is not there for a moment": Case("POST .*/objects/batch", 500, ends_well=True),
    "a shard is cut on its way": Case(UPLOAD, CUT, ends_well=True),
    "a shard arrives and its answer is cut": Case(UPLOAD, CUT, ends_well=True, done=True),
    "shards never arrive": Case(UPLOAD, 500, ends_well=False, times=99),
    "a shard is not confirmed": Case(SENT, 500, ends_well=True),
    "the commit fails before it applies": Case(COMMIT, 500, ends_well=True),
    "the commit applies and its answer is lost": Case(COMMIT, 500, ends_well=True, done=True),
    "the line is cut before the commit": Case(COMMIT, CUT, ends_well=True),
    "the line is cut after the commit": Case(COMMIT, CUT, ends_well=True, done=True),
    "the commit applies, and no answer comes in time": Case(COMMIT, SLOW, ends_well=True, done=True),
    "the commit hangs and does not apply": Case(COMMIT, SLOW, ends_well=True),
    "the Hub asks to wait a moment": Case(COMMIT, 429, ends_well=True, headers={"Retry-After": "7"}),
    "the Hub asks to wait for an hour": Case(COMMIT, 429, ends_well=False, headers={"Retry-After": "3600"}),
    "its window of calls is used up": Case(COMMIT, 429, ends_well=True, headers=USED_UP),
    "the private storage is full": Case(COMMIT, 403, ends_well=False, headers={"X-Error-Message": FULL}),
    "somebody else was faster": Case(COMMIT, 412, ends_well=False),
    "the token may not commit": Case(COMMIT, 403, ends_well=False),
    "the private repository is hidden from this token": Case(COMMIT, 404, ends_well=False),
    "no commit is ever taken": Case(COMMIT, 503, ends_well=False, times=99),
    "the commit cannot be looked at": Case(LOOK, 503, ends_well=False, times=99),
    "a shard cannot be fetched back at first": Case(BACK, 500, ends_well=True),
    "a shard can never be fetched back": Case(BACK, 403, ends_well=False, times=99),
    "the tag fails before it applies": Case(TAG, 500, ends_well=True),
    "the tag applies and its answer is cut": Case(TAG, CUT, ends_well=True, done=True),
    "the tag may not be made": Case(TAG, 403, ends_well=False),
}


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return an_export(tmp_path_factory.mktemp("export") / "out")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "PATIENCE", Timeout(2))


def pushed(hub: Hub, export: Path) -> Pushed:
    return push(export, REPO, tag="v1", message="first", endpoint=hub.url)


def check_whole_or_absent(hub: Hub, export: Path) -> None:
    """Every commit but the first holds every byte, there is at most one, and a tag names it and nothing else."""
    known = hub.repositories.get(REPO)
    if known is None:
        return
    assert known.private
    sent = {path.relative_to(export).as_posix(): path.read_bytes() for path in export.rglob("*.*")}
    versions = {name: commit for name, commit in known.commits.items() if commit.parent is not None}
    assert len(versions) <= 1
    assert all(
        {**commit.files, ".gitattributes": b""} == {**sent, ".gitattributes": b""} for commit in versions.values()
    )
    assert set(known.tags.values()) <= set(versions)


@pytest.mark.parametrize("name", CASES)
def test_never_half_a_version_and_never_two(hub, export, name):
    case = CASES[name]
    hub.fail(case.call, case.status, done=case.done, times=case.times, headers=case.headers)
    try:
        pushed(hub, export)
        ended_well = True
    except WorkbenchError as error:
        ended_well = False
        assert error.what and error.hint and "\n" not in error.what
    assert ended_well == case.ends_well
    assert hub.faults[0].times < case.times, "no call ever matched"
    check_whole_or_absent(hub, export)
    hub.faults.clear()
    done = pushed(hub, export)
    check_whole_or_absent(hub, export)
    assert hub.repositories[REPO].tags == {"v1": done.commit} == {"v1": hub.repositories[REPO].head}


def test_there_are_at_least_as_many_cases_as_were_asked_for():
    assert len(CASES) >= 25


def test_uploads_go_on_where_they_stopped(hub, export):
    hub.fail("PUT /lfs/", 403)
    with pytest.raises(OutsideError, match="does not allow this"):
        pushed(hub, export)
    before = hub.called("PUT /lfs/")
    arrived = len(hub.state.objects)
    pushed(hub, export)
    shards = len(list(export.rglob("*.parquet")))
    assert 0 < arrived < shards
    assert hub.called("PUT /lfs/") - before == shards - arrived


@pytest.mark.parametrize(("headers", "seconds"), [({"Retry-After": "7"}, 7), (USED_UP, 55)])
def test_the_pause_that_the_hub_asks_for_is_kept(hub, export, waited, headers, seconds):
    hub.fail(COMMIT, 429, headers=headers)
    pushed(hub, export)
    assert sum(waited) == seconds + 1, "and a second before it is asked again"


@pytest.mark.parametrize("call", ["POST .*/preupload/", COMMIT])
def test_a_pause_is_told_second_by_second(hub, export, call):
    hub.fail(call, 429, headers={"Retry-After": "3"})
    told: list[tuple[str, int, int]] = []
    with telling(lambda line, done=0, total=0: told.append((line, done, total))):
        pushed(hub, export)
    why = "the Hub asks for a pause"
    assert told[:3] == [(f"{why}: 3 s", gone, 3) for gone in range(3)]


@pytest.mark.parametrize("call", ["POST .*/preupload/", COMMIT, "GET /api/whoami-v2"])
def test_who_cancels_in_a_pause_waits_no_longer_and_nothing_is_half_there(hub, export, waited, call):
    hub.fail(call, 429, headers={"Retry-After": "300"})

    def cancel(line: str, done: int = 0, total: int = 0) -> None:
        if done == 2:
            raise Cancelled("it was cancelled")

    with telling(cancel), pytest.raises(Cancelled):
        pushed(hub, export)
    assert waited == [1, 1]
    check_whole_or_absent(hub, export)


def test_a_pause_of_no_time_at_all_is_not_three_attempts_at_once(hub, export, waited):
    hub.fail(COMMIT, 429, times=2, headers={"RateLimit": '"api";r=0;t=0'})
    pushed(hub, export)
    assert waited == [1] * 5


@pytest.mark.parametrize("call", ["POST .*/preupload/", UPLOAD, COMMIT, BACK])
def test_a_pause_that_is_too_long_is_told_and_not_waited_for(hub, export, waited, call):
    hub.fail(call, 429, headers={"Retry-After": "1", "RateLimit": '"api";r=0;t=3600'})
    with pytest.raises(OutsideError, match="slow down") as caught:
        pushed(hub, export)
    # The client library by itself waits for an hour in all of these calls but the commit.
    assert "3,600 s" in caught.value.hint and max(waited, default=0) < 3600


def test_what_the_hub_says_of_a_refusal_is_told(hub, export):
    hub.fail(COMMIT, 403, headers={"X-Error-Message": FULL})
    with pytest.raises(
        OutsideError, match=r"HTTP 403, while committing to 'me/quiz'\): Private repository storage limit"
    ):
        pushed(hub, export)
