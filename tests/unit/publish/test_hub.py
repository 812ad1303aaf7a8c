"""A push is one commit and one tag, can be repeated, survives lost answers and never shows the token."""

from __future__ import annotations

import json
import traceback
from errno import ENOSPC
from pathlib import Path

import pytest

from tests.exports import an_export
from tests.hub import TOKEN, Hub
from tests.hub_calls import Repository, sha256
from workbench.errors import Cancelled, CorruptionError, DataError, ExitCode, OutsideError, UsageError, WorkbenchError
from workbench.publish.facts import Example, RunFacts
from workbench.publish.hub import Pushed, plan, push
from workbench.publish.refusals import answering
from workbench.publish.remote import find_token, open_repository

pytestmark = pytest.mark.thorough

REPO = "me/quiz"
COMMIT = "POST .*/commit/"
EDITED = "Why I made it.\n"


def pushed(hub: Hub, folder: Path, *, tag: str = "v1", private: bool = True) -> Pushed:
    return push(folder, REPO, tag=tag, message="first", private=private, endpoint=hub.url)


def files_of(hub: Hub, revision: str = "main") -> dict[str, bytes]:
    known = hub.repositories[REPO]
    return dict(known.commits[known.at(revision)].files)


def a_person_adds(hub: Hub, path: str, content: bytes) -> None:
    hub.repositories[REPO].commit(files_of(hub) | {path: content}, "by hand")


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return an_export(tmp_path / "out")


def test_one_version_is_one_commit_with_one_tag_that_holds_every_byte(hub, export):
    done = pushed(hub, export)
    known = hub.repositories[REPO]
    assert len(known.commits) == 2
    assert known.tags == {"v1": done.commit} == {"v1": known.head}
    assert known.private
    assert done.url == f"{hub.url}/datasets/{REPO}/tree/v1"
    local = {path.relative_to(export).as_posix(): path.read_bytes() for path in export.rglob("*.*")}
    assert {path: body for path, body in files_of(hub).items() if path != ".gitattributes"} == local


def test_pushing_again_commits_nothing_and_answers_the_same(hub, export):
    first = pushed(hub, export)
    assert pushed(hub, export) == first
    assert hub.called(COMMIT) == 1


def test_pushing_again_leaves_a_card_alone_that_a_person_edited(hub, export):
    first = pushed(hub, export)
    edited = files_of(hub)["README.md"] + EDITED.encode()
    a_person_adds(hub, "README.md", edited)
    assert pushed(hub, export) == first
    assert files_of(hub)["README.md"] == edited


def test_the_next_version_replaces_shards_and_keeps_the_persons_words_and_files(hub, export, tmp_path):
    pushed(hub, export)
    a_person_adds(hub, "README.md", files_of(hub)["README.md"] + EDITED.encode())
    a_person_adds(hub, "paper.pdf", b"%PDF")
    following = an_export(tmp_path / "next", format="jsonl", version="ffff", parent="a1b2c3d4")
    pushed(hub, following, tag="v2")
    files = files_of(hub)
    assert sorted(files) == [".gitattributes", "README.md", "curation.json", "paper.pdf", "records.jsonl"]
    assert files["README.md"].decode().endswith(EDITED) and b"ffff" in files["README.md"]
    assert "data/train-00000-of-00001.parquet" in files_of(hub, "v1")


def test_plan_tells_what_would_change_and_changes_nothing(hub, export, tmp_path):
    fresh = plan(export, REPO, token=find_token(), endpoint=hub.url)
    assert (fresh.head, fresh.changes, hub.repositories) == (None, True, {})
    assert {file.change for file in fresh.files} == {"add"}
    pushed(hub, export)
    again = plan(export, REPO, token=find_token(), endpoint=hub.url)
    assert (again.changes, again.deletes, {file.change for file in again.files}) == (False, (), {"same"})
    following = an_export(tmp_path / "next", format="jsonl", version="ffff")
    then = plan(following, REPO, token=find_token(), endpoint=hub.url)
    assert then.deletes == tuple(file.path for file in again.files if file.path.startswith("data/"))
    assert hub.called(COMMIT) == 1


def test_a_lost_answer_of_the_commit_is_found_out_and_not_sent_twice(hub, export):
    hub.fail(COMMIT, 500, done=True)
    done = pushed(hub, export)
    assert hub.called(COMMIT) == 1
    assert hub.repositories[REPO].tags == {"v1": done.commit}


def test_a_line_cut_before_the_commit_is_sent_again(hub, export):
    hub.fail(COMMIT, 0)
    pushed(hub, export)
    assert hub.called(COMMIT) == 2
    assert len(hub.repositories[REPO].commits) == 2


def test_a_hub_that_keeps_failing_is_an_error_after_three_attempts(hub, export):
    hub.fail(COMMIT, 503, times=9)
    with pytest.raises(OutsideError, match="failed 3 times"):
        pushed(hub, export)
    assert hub.called(COMMIT) == 3
    assert hub.repositories[REPO].tags == {}


def test_a_lost_answer_of_the_tag_is_found_out(hub, export):
    hub.fail("POST .*/tag/", 500, done=True)
    done = pushed(hub, export)
    assert hub.repositories[REPO].tags == {"v1": done.commit}


def test_a_push_that_died_before_its_tag_is_finished_by_the_next(hub, export):
    hub.fail("POST .*/tag/", 403)
    with pytest.raises(OutsideError, match="does not allow this"):
        pushed(hub, export)
    done = pushed(hub, export)
    assert hub.called(COMMIT) == 1
    assert hub.repositories[REPO].tags == {"v1": done.commit}


def test_a_repository_that_changed_meanwhile_is_explained_and_not_overwritten(hub, export):
    hub.before[COMMIT] = lambda: a_person_adds(hub, "README.md", b"mine")
    with pytest.raises(OutsideError, match="has changed since") as caught:
        pushed(hub, export)
    assert "push again" in caught.value.hint
    assert files_of(hub)["README.md"] == b"mine"


def test_a_tag_on_another_version_is_refused_before_anything_is_sent(hub, export, tmp_path):
    pushed(hub, export)
    with pytest.raises(UsageError, match="'v1' of 'me/quiz' already names another version"):
        pushed(hub, an_export(tmp_path / "next", version="ffff"))
    assert hub.called(COMMIT) == 1


def test_other_peoples_data_is_never_mixed_with_ours(hub, export):
    pushed(hub, export)
    hub.repositories[REPO].tags.clear()
    hub.repositories[REPO].commit({"data/train-00000-of-00001.parquet": b"theirs"}, "by hand")
    with pytest.raises(UsageError, match="did not put there"):
        pushed(hub, export)


def test_another_corpus_in_the_repository_is_never_replaced(hub, export, tmp_path):
    pushed(hub, export)
    with pytest.raises(UsageError, match="holds the corpus 'quiz'"):
        pushed(hub, an_export(tmp_path / "other", corpus="prose"), tag="v2")


def test_a_private_push_to_a_public_repository_is_refused(hub, export, tmp_path):
    pushed(hub, export, private=False)
    with pytest.raises(UsageError, match="is public"):
        pushed(hub, an_export(tmp_path / "next", version="ffff"), tag="v2")
    assert hub.called(COMMIT) == 1


def test_what_arrived_otherwise_than_sent_is_noticed(hub, export):
    hub.before["GET .*/revision/"] = lambda: spoil(hub)
    with pytest.raises(OutsideError, match=r"another 'curation\.json' than was sent"):
        pushed(hub, export)
    assert hub.repositories[REPO].tags == {}


def spoil(hub: Hub) -> None:
    known = hub.repositories[REPO]
    known.commits[known.head].files["curation.json"] = b"{}"


def test_a_damaged_export_is_not_sent(hub, export):
    (export / "data/test-00000-of-00001.parquet").write_bytes(b"short")
    with pytest.raises(CorruptionError):
        pushed(hub, export)
    assert hub.calls == []


def test_a_push_needs_a_licence(hub, tmp_path):
    with pytest.raises(UsageError, match="names no licence"):
        pushed(hub, an_export(tmp_path / "out", license=None))
    assert hub.calls == []


def test_a_push_needs_a_token_and_says_how_to_get_one(hub, export, monkeypatch):
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(OutsideError, match="no Hugging Face token") as caught:
        pushed(hub, export)
    assert caught.value.exit_code == ExitCode.OUTSIDE
    assert "hf auth login" in caught.value.hint and "HF_TOKEN" in caught.value.hint
    assert hub.calls == []


def test_a_refused_token_is_one_sentence(hub, export, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_AnotherToken")
    with pytest.raises(OutsideError, match="refused the token"):
        pushed(hub, export)


def test_a_hub_that_is_not_there_is_one_sentence(export, hub):
    with pytest.raises(OutsideError, match="could not be reached") as caught:
        push(export, REPO, tag="v1", message="m", endpoint="http://127.0.0.1:9")
    assert "\n" not in caught.value.what


def test_a_machine_that_is_set_to_stay_offline_is_said_so_and_not_to_look_for_its_network(hub, export, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(OutsideError, match="set to stay offline") as caught:
        plan(export, REPO, token=find_token(), endpoint=hub.url)
    assert caught.value.hint == "unset HF_HUB_OFFLINE, then try again" and not hub.calls


@pytest.mark.parametrize("name", ["quiz", "me/quiz/x", "me/../x y", ""])
def test_a_name_that_is_no_repository_is_refused(name):
    with pytest.raises(UsageError, match="not a repository name"):
        open_repository(name, None)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 412, 429, 503])
def test_the_token_shows_nowhere(hub, export, status, caplog, capfd):
    hub.fail(COMMIT, status, times=9)
    told: list[str] = []

    def report(line: str, done: int = 0, total: int = 0) -> None:
        told.append(line)

    with caplog.at_level("DEBUG"), pytest.raises(WorkbenchError) as caught:
        push(export, REPO, tag="v1", message="first", report=report, endpoint=hub.url)
    shown = [*told, caplog.text, *capfd.readouterr(), *traceback.format_exception(caught.value)]
    shown += [repr(find_token()), repr(open_repository(REPO, find_token())), caught.value.hint, *hub.calls]
    assert told and TOKEN not in "".join(shown)
    assert not [path for path in export.rglob("*.*") if TOKEN.encode() in path.read_bytes()]


def plan_beside(hub: Hub, export: Path, files: dict[str, bytes]) -> None:
    hub.repositories.clear()
    pushed(hub, export)
    hub.repositories[REPO].tags.clear()
    hub.repositories[REPO].commit({"README.md": b"theirs\n", **files}, "by hand")
    plan(export, REPO, token=find_token(), endpoint=hub.url)


@pytest.mark.parametrize(
    "name", ["a.json", "A.JSONL", "x/a.csv", "a.tsv", "a.txt", "a.arrow", "a.zip", "a.tar", "a.csv.gz", "curation.json"]
)
def test_data_of_any_kind_that_is_not_ours_is_never_mixed_with_ours(hub, export, name):
    with pytest.raises(UsageError, match="did not put there"):
        plan_beside(hub, export, {name: b"[]"})


def test_a_curation_file_of_somebody_else_does_not_make_the_data_ours(hub, export):
    with pytest.raises(UsageError, match="did not put there"):
        plan_beside(hub, export, {"a.parquet": b"", "curation.json": b'{"corpus": "quiz"}'})


def test_texts_and_pictures_of_a_person_are_no_data(hub, export):
    plan_beside(hub, export, {"paper.pdf": b"%PDF", "LICENSE": b"free", "plot.png": b"", "load.py": b""})


def test_a_version_that_this_corpus_never_had_is_somebody_elses(hub, export, tmp_path):
    pushed(hub, export)
    following = an_export(tmp_path / "next", version="ffff")
    for known in (frozenset({"ffff"}), frozenset()):
        with pytest.raises(UsageError, match="version 'a1b2c3d4' of another corpus named 'quiz'") as caught:
            push(following, REPO, tag="v2", message="", endpoint=hub.url, known=known)
        assert "another repository" in caught.value.hint
        with pytest.raises(UsageError, match="another corpus"):
            plan(following, REPO, token=find_token(), endpoint=hub.url, known=known)
    assert hub.called(COMMIT) == 1


def test_a_version_that_this_corpus_had_is_replaced_by_the_next(hub, export, tmp_path):
    push(export, REPO, tag="v1", message="", endpoint=hub.url, known=frozenset({"a1b2c3d4"}))
    following = an_export(tmp_path / "next", version="ffff")
    push(following, REPO, tag="v2", message="", endpoint=hub.url, known=frozenset({"a1b2c3d4", "ffff"}))
    assert set(hub.repositories[REPO].tags) == {"v1", "v2"}


def test_the_same_version_under_another_licence_is_told_and_not_passed_over(hub, export, tmp_path):
    pushed(hub, export)
    with pytest.raises(UsageError, match="under another licence"):
        pushed(hub, an_export(tmp_path / "other", license="mit"))


def test_what_was_learned_since_comes_to_the_card_and_the_tag_stays(hub, export, tmp_path):
    first = pushed(hub, export)
    a_person_adds(hub, "README.md", files_of(hub)["README.md"] + EDITED.encode())
    run = RunFacts("r1", "tiny", examples=(Example("Where?", "Here.", "There.", "Here."),))
    later = an_export(tmp_path / "later", run=run)
    look = plan(later, REPO, token=find_token(), endpoint=hub.url)
    assert [file.path for file in look.sent] == ["README.md"]
    assert pushed(hub, later) == first
    card = files_of(hub)["README.md"].decode()
    assert "## Examples" in card and card.endswith(EDITED)
    assert hub.repositories[REPO].tags == {"v1": first.commit}
    assert pushed(hub, later) == first and hub.called(COMMIT) == 2


def test_an_older_version_pushed_again_leaves_the_newer_ones_card_alone(hub, export, tmp_path):
    pushed(hub, export)
    pushed(hub, an_export(tmp_path / "next", version="ffff"), tag="v2")
    newer = files_of(hub)
    pushed(hub, export)
    assert files_of(hub) == newer


def test_another_release_of_the_workbench_does_not_send_a_version_again(hub, export, tmp_path):
    first = pushed(hub, export)
    later = an_export(tmp_path / "later", tool="workbench 9.9.9")
    assert [file.path for file in plan(later, REPO, token=find_token(), endpoint=hub.url).sent] == ["README.md"]
    assert pushed(hub, later) == first


def test_a_token_that_may_only_read_is_refused_before_anything_is_made(hub, export):
    hub.state.role = "read"
    with pytest.raises(OutsideError, match="may only read"):
        pushed(hub, export)
    assert hub.repositories == {}


@pytest.mark.parametrize("address", ["https://huggingface.co/datasets/me/quiz", "https://huggingface.co/me/quiz/"])
def test_the_address_of_a_repository_is_answered_with_its_name(address):
    with pytest.raises(UsageError) as caught:
        open_repository(address, None)
    assert caught.value.hint.endswith("OWNER/NAME: me/quiz")


def right(kind: str, name: str, *permissions: str) -> dict[str, object]:
    return {"entity": {"type": kind, "name": name}, "permissions": list(permissions)}


@pytest.mark.parametrize(
    "rights",
    [
        [],
        [right("user", "me", "repo.content.read")],
        [right("org", "them", "repo.write", "repo.content.read")],
        [right("dataset", "me/other", "repo.write"), right("model", "me/quiz", "repo.write")],
        [right("user", "me", "inference.serverless.write", "discussion.write")],
    ],
)
def test_a_fine_grained_token_without_the_right_is_refused_before_anything_is_made(hub, export, rights):
    hub.state.rights = rights
    with pytest.raises(OutsideError, match="no right to write to repositories of 'me'") as caught:
        pushed(hub, export)
    assert "settings/tokens" in caught.value.hint
    assert hub.repositories == {} and not hub.called("POST|PUT")


@pytest.mark.parametrize(
    "rights",
    [
        [right("org", "them", "repo.content.read"), right("user", "Me", "repo.content.read", "repo.write")],
        [right("dataset", "me/quiz", "repo.write")],
        [right("resource-group", "some", "repo.write")],
    ],
)
def test_a_fine_grained_token_with_the_right_or_one_that_only_the_hub_knows_goes_on(hub, export, rights):
    hub.state.rights = rights
    assert pushed(hub, export).tag == "v1"


def test_a_private_repository_stays_private_and_says_so(hub, export, tmp_path):
    pushed(hub, export)
    told: list[str] = []

    def report(line: str, done: int = 0, total: int = 0) -> None:
        told.append(line)

    following = an_export(tmp_path / "next", version="ffff")
    push(following, REPO, tag="v2", message="", private=False, endpoint=hub.url, report=report)
    assert hub.repositories[REPO].private and any("stays so" in line for line in told)


def test_bytes_are_told_as_they_go_and_as_they_come_back(hub, export):
    told: list[tuple[str, int, int]] = []

    def report(line: str, done: int = 0, total: int = 0) -> None:
        told.append((line, done, total))

    push(export, REPO, tag="v1", message="", endpoint=hub.url, report=report)
    for stage in ("sending:", "checking what arrived:"):
        counts = [(done, total) for line, done, total in told if line.startswith(stage)]
        assert counts and counts[-1][0] == counts[-1][1] > 0


def test_bytes_are_told_inside_of_one_large_file(hub, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("workbench.publish.meter._PAUSE", 0)
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1 << 16)
    told: list[str] = []

    def report(line: str, done: int = 0, total: int = 0) -> None:
        told.append(line)

    push(a_large_export(tmp_path), REPO, tag="v1", message="", endpoint=hub.url, report=report)
    for stage in ("sending:", "checking what arrived:"):
        assert len([line for line in told if line.startswith(stage)]) > 10
    assert capfd.readouterr() == ("", "")


def a_large_export(folder: Path) -> Path:
    """Return an export with one file of a megabyte, which no line of HTTP holds in one block."""
    made = an_export(folder / "large", rows=3)
    large = next(made.rglob("train-*.parquet"))
    large.write_bytes(large.read_bytes() + b"\0" * 1_000_000)
    known = json.loads((made / "curation.json").read_text())
    for file in known["files"]:
        if file["path"].endswith(large.name):
            file |= {"size": large.stat().st_size, "sha256": sha256(large.read_bytes())}
    (made / "curation.json").write_text(json.dumps(known))
    return made


def test_an_upload_that_is_ended_by_the_person_at_the_keys_ends_as_that(hub, tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.publish.meter._PAUSE", 0)

    def report(line: str, done: int = 0, total: int = 0) -> None:
        if 200_000 < done < total:
            raise Cancelled("enough", "")

    with pytest.raises(Cancelled, match="enough"):
        push(a_large_export(tmp_path), REPO, tag="v1", message="", endpoint=hub.url, report=report)
    assert not hub.called(COMMIT)


def test_a_card_of_gigabytes_is_not_read(hub, export, monkeypatch):
    pushed(hub, export)
    monkeypatch.setattr("workbench.publish.remote._LARGEST_TEXT", 10)
    with pytest.raises(DataError, match=r"README\.md of 'me/quiz' is too large"):
        plan(export, REPO, token=find_token(), endpoint=hub.url)


def test_a_repository_that_somebody_makes_public_meanwhile_gets_nothing(hub, export):
    def made() -> None:
        hub.repositories[REPO] = Repository(private=False)
        hub.repositories[REPO].commit({}, "by hand")

    hub.before["POST /api/repos/create"] = made
    with pytest.raises(UsageError, match="is public"):
        pushed(hub, export)
    assert len(hub.repositories[REPO].commits) == 1 and not hub.state.objects


def makes_public(hub: Hub) -> None:
    hub.repositories[REPO].private = False


def test_a_repository_that_is_made_public_during_the_upload_gets_no_commit(hub, export):
    hub.before["POST /lfs/.*/verify"] = lambda: makes_public(hub)
    with pytest.raises(UsageError, match="is public on the Hub"):
        pushed(hub, export)
    assert not hub.called(COMMIT)


def test_a_repository_that_is_made_public_during_the_commit_is_told(hub, export):
    hub.before[COMMIT] = lambda: makes_public(hub)
    with pytest.raises(OutsideError, match="became public while this was sent") as caught:
        pushed(hub, export)
    assert "make it private" in caught.value.hint and hub.repositories[REPO].tags == {}


def test_a_card_that_the_hub_finds_wrong_is_told_in_its_words(hub, export, monkeypatch):
    monkeypatch.setattr("tests.hub_calls.LICENSES", frozenset())
    with pytest.raises(OutsideError, match=r'"license" must be one of the list, not cc-by-4\.0') as caught:
        pushed(hub, export)
    assert "\n" not in caught.value.what and not hub.called(COMMIT)


def test_a_look_tells_of_a_tag_on_another_version(hub, export, tmp_path):
    pushed(hub, export)
    with pytest.raises(UsageError, match="already names another version"):
        plan(an_export(tmp_path / "next", version="ffff"), REPO, token=find_token(), endpoint=hub.url, tag="v1")


def test_nobodys_look_at_a_private_repository_finds_nothing(hub, export):
    pushed(hub, export)
    assert plan(export, REPO, token=None, endpoint=hub.url).head is None


def test_a_version_of_another_release_that_lacks_its_tag_is_tagged_and_not_committed_again(hub, export, tmp_path):
    hub.fail("POST .*/tag/", 403)
    with pytest.raises(OutsideError, match="does not allow this"):
        pushed(hub, export)
    done = pushed(hub, an_export(tmp_path / "later", tool="workbench 9.9.9"))
    assert hub.called(COMMIT) == 1 and hub.repositories[REPO].tags == {"v1": done.commit}


def test_a_version_that_came_while_an_answer_was_lost_is_not_undone(hub, export, tmp_path, monkeypatch):
    following = an_export(tmp_path / "next", version="ffff")
    theirs = {path.relative_to(following).as_posix(): path.read_bytes() for path in following.rglob("*.*")}
    monkeypatch.setattr(
        "workbench.publish.hub.pause", lambda lost, attempt: hub.repositories[REPO].commit(theirs, "theirs")
    )
    hub.fail(COMMIT, 500, done=True)
    with pytest.raises(OutsideError, match="has changed since it was read, while an answer got lost"):
        pushed(hub, export)
    assert files_of(hub) == theirs and hub.called(COMMIT) == 1


def test_what_a_cache_of_this_machine_holds_proves_nothing(hub, export, tmp_path, monkeypatch):
    shard = "data/train-00000-of-00001.parquet"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    done = pushed(hub, export)
    api = open_repository(REPO, find_token(), endpoint=hub.url).api
    api.hf_hub_download(REPO, shard, repo_type="dataset", revision=done.commit, cache_dir=tmp_path / "cache")
    hub.repositories[REPO].tags.clear()
    fetching = f"GET /cdn/{sha256(files_of(hub)[shard])}"
    before = hub.called(fetching)
    pushed(hub, export)
    assert hub.called(fetching) == before + 1


def test_a_full_disk_is_not_said_to_be_the_network(hub, export, monkeypatch):
    def full(*asked: object, **more: object) -> str:
        raise OSError(ENOSPC, "No space left on device", str(export))

    monkeypatch.setattr("huggingface_hub.HfApi.hf_hub_download", full)
    with pytest.raises(OutsideError, match="this machine could not keep a file") as caught:
        pushed(hub, export)
    assert "free space" in caught.value.hint and str(export) not in caught.value.what


@pytest.mark.parametrize("token", ["hf_jwt_eyJhbGci.abcDEF123.sig-nat_ure", "api_org_abcdefghij", "none of ours"])
def test_a_token_of_any_form_is_masked_in_what_the_hub_says(hub, export, token, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(OutsideError) as caught, answering("trying"):
        raise ValueError(f"the token {token} is not taken")
    assert "the token hf_*** is not taken" in caught.value.what


def test_a_lost_answer_of_the_cards_commit_is_found_out(hub, export, tmp_path):
    first = pushed(hub, export)
    run = RunFacts("r1", "tiny", examples=(Example("Where?", "Here.", "There.", "Here."),))
    hub.fail(COMMIT, 500, done=True)
    assert pushed(hub, an_export(tmp_path / "later", run=run)) == first
    assert hub.called(COMMIT) == 2 and "## Examples" in files_of(hub)["README.md"].decode()
