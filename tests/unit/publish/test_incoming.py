"""What is taken of a stranger's repository is records alone; what could do harm is refused or left where it lies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import DataError, OutsideError, UsageError
from workbench.publish import fetched
from workbench.publish.fetched import check_room, parts_of
from workbench.publish.incoming import Incoming, choose, split_of
from workbench.publish.remote import Remote, RemoteFile

SHEET = {"corpus": "quiz", "version": "abcd", "files": []}


def remote(*paths: str, card: str = "", curation: dict[str, object] | None = None, size: int = 10) -> Remote:
    return Remote("c0ffee", False, {path: RemoteFile(size, "", None) for path in paths}, card, curation)


def taken(*paths: str, **more: object) -> dict[str, str | None]:
    return {file.path: file.split for file in choose(remote(*paths, **more)).files}  # type: ignore[arg-type]


def test_the_form_that_most_files_have_is_taken_with_the_splits_their_names_tell():
    paths = ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet", "data/dev.parquet", "more.csv"]
    assert taken(*paths) == {paths[0]: "train", paths[1]: "train", paths[2]: "validation"}
    assert choose(remote(*paths)).ignored == (("more.csv", "not named as records"),)


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("train.jsonl", "train"),
        ("data/test-00000-of-00001.parquet", "test"),
        ("en/validation/part.json", "validation"),
        ("trainers.csv", None),
        ("records.jsonl", None),
        ("val_1.csv", "validation"),
    ],
)
def test_a_split_is_a_whole_word_of_the_path(path, split):
    assert split_of(path) == split


@pytest.mark.parametrize(
    "path",
    ["../x.jsonl", "/etc/x.jsonl", "a/../../x.jsonl", "a\\..\\x.jsonl", "C:/x.jsonl", "a\nb.jsonl", "\x1b[2J.csv"],
)
def test_a_path_that_leads_out_refuses_the_whole_repository(path):
    with pytest.raises(DataError, match="leads out of it") as caught:
        choose(remote("train.jsonl", path))
    assert "\x1b" not in caught.value.what and "\n" not in caught.value.what


@given(st.text(st.sampled_from("a./\\:\x00-"), min_size=1, max_size=12))
def test_what_is_taken_never_leads_out(path):
    try:
        files = choose(remote(f"{path}.jsonl")).files
    except DataError:
        return
    assert all(".." not in file.path.split("/") and not file.path.startswith("/") for file in files)


def test_pickles_programs_and_archives_are_left_alone_and_named():
    found = choose(
        remote("train.jsonl", "model.pkl", "load.py", "all.zip", "weights.bin", "picture.png", ".gitattributes")
    )
    assert [file.path for file in found.files] == ["train.jsonl"]
    assert dict(found.ignored) == {
        "model.pkl": "a pickle, which can run code",
        "weights.bin": "a pickle, which can run code",
        "load.py": "a program",
        "all.zip": "an archive",
    }


def test_a_repository_without_records_is_said_to_have_none():
    with pytest.raises(DataError, match="no file of records"):
        choose(remote("model.pkl", "README.md"))


def test_the_cards_configuration_names_files_and_splits():
    card = "---\nconfigs:\n- config_name: default\n  data_files:\n  - {split: test, path: held/*.csv}\n---\n"
    assert taken("held/a.csv", "train.csv", card=card) == {"held/a.csv": "test"}


def test_of_several_configurations_one_must_be_named():
    card = "---\nconfigs:\n- {config_name: en, data_files: en.csv}\n- {config_name: fr, data_files: fr.csv}\n---\n"
    with pytest.raises(UsageError, match="several configurations") as caught:
        choose(remote("en.csv", "fr.csv", card=card))
    assert "en, fr" in caught.value.hint
    assert [file.path for file in choose(remote("en.csv", "fr.csv", card=card), config="fr").files] == ["fr.csv"]
    with pytest.raises(UsageError, match="no configuration named 'de'"):
        choose(remote("en.csv", "fr.csv", card=card), config="de")


@pytest.mark.parametrize(
    "card", ["---\n[1\n---\n", "---\nconfigs: 7\n---\n", "---\n- a\n---\n", "---\nconfigs: [7]\n---\n"]
)
def test_a_card_that_is_broken_names_nothing(card):
    assert taken("train.csv", card=card) == {"train.csv": "train"}


def file_of(path: str, **changes: object) -> dict[str, object]:
    return {"path": path, "split": "train", "rows": 1, "memory": 1, "size": 10, "sha256": "a" * 64} | changes


def test_an_export_of_ours_is_taken_by_its_sheet_alone():
    sheet = {**SHEET, "files": [file_of("data/x.parquet")]}
    assert taken("data/x.parquet", "data/theirs.parquet", curation=sheet) == {"data/x.parquet": "train"}


@pytest.mark.parametrize("changes", [{"size": 11}, {"path": "absent.parquet"}, {"rows": "many"}, {"path": "../x"}])
def test_a_sheet_that_does_not_fit_its_repository_is_refused(changes):
    sheet = {**SHEET, "files": [file_of("data/x.parquet") | changes]}
    with pytest.raises(DataError):
        choose(remote("data/x.parquet", curation=sheet))


def test_an_adapter_is_no_corpus():
    sheet = {**SHEET, "files": [file_of("adapter_model.safetensors", split="")]}
    with pytest.raises(DataError, match="it is an adapter"):
        choose(remote("adapter_model.safetensors", curation=sheet))


def incoming(path: str, split: str | None = None, size: int = 1) -> Incoming:
    return Incoming(path, split, size, None)  # type: ignore[arg-type]


def test_shards_of_a_split_become_one_source_and_other_files_one_each():
    shards = [incoming("data/train-0.parquet", "train"), incoming("data/train-1.parquet", "train")]
    assert [(part.name, len(part.files)) for part in parts_of([*shards, incoming("t.parquet", "test")])] == [
        ("train", 2),
        ("test", 1),
    ]
    assert [part.name for part in parts_of([incoming("a.csv"), incoming("b.csv")])] == ["a.csv", "b.csv"]
    assert [part.name for part in parts_of([incoming("x/a.csv", "train"), incoming("b.csv", "train")])] == [
        "x/a.csv",
        "b.csv",
    ]


@given(st.text(max_size=30))
def test_a_file_is_kept_under_a_name_of_our_own(name):
    (part,) = parts_of([incoming(f"{name}.jsonl")])
    assert "/" not in part.file_name and part.file_name not in ("", ".", "..")


def test_two_paths_never_come_to_one_name():
    paths = ["x/a.csv", "x-a.csv", "x?a.csv", "y" * 300 + ".csv", "y" * 301 + ".csv"]
    names = [part.file_name for part in parts_of([incoming(path) for path in paths])]
    assert len(set(names)) == len(paths) and all(len(name.encode()) < 255 for name in names)


def test_more_than_anybody_would_pull_is_refused(tmp_path, monkeypatch):
    with pytest.raises(OutsideError, match=r"60\.0 GB would be fetched, more than"):
        check_room([incoming("a.parquet", size=60 * 10**9)], tmp_path)
    monkeypatch.setattr(fetched, "MOST_BYTES", 10**18)
    with pytest.raises(OutsideError, match="are free"):
        check_room([incoming("a.parquet", size=10**17)], tmp_path)


TWO = ("en/train.jsonl", "de/train.jsonl", "de/train.arrow")


@pytest.mark.parametrize("of_de", ["data_files: de/*.arrow", "data_dir: fr", "data_files: []"])
def test_a_configuration_that_names_nothing_never_falls_back_to_the_others(of_de):
    card = f"---\nconfigs:\n- config_name: en\n  data_files: en/*\n- config_name: de\n  {of_de}\n---\n"
    with pytest.raises(DataError, match="configuration 'de' of the repository names no file"):
        choose(remote(*TWO, card=card), config="de")


@pytest.mark.parametrize("of_de", ["data_dir: de", "data_dir: de/", "data_dir: de\n  data_files: train.*"])
def test_the_folder_of_a_configuration_is_kept_to(of_de):
    card = f"---\nconfigs:\n- config_name: en\n  data_dir: en\n- config_name: de\n  {of_de}\n---\n"
    chosen = choose(remote(*TWO, card=card), config="de")
    assert [file.path for file in chosen.files] == ["de/train.jsonl"] and chosen.config == "de"


def test_the_usual_configuration_is_the_same_named_or_not():
    card = "---\nconfigs:\n- config_name: default\n  data_files: en/*\n- config_name: de\n  data_files: de/*\n---\n"
    assert choose(remote(*TWO, card=card), config="default") == choose(remote(*TWO, card=card))


def test_a_sheet_whose_splits_are_no_texts_is_refused():
    file = {"path": "a.jsonl", "split": ["x"], "rows": 1, "memory": 1, "size": 10, "sha256": "a"}
    with pytest.raises(DataError, match="not one of ours"):
        choose(remote("a.jsonl", curation=SHEET | {"files": [file]}))


@pytest.mark.parametrize("front", ["date: 2024-13-45", "x: !!timestamp y", "x: !!int y", "[" * 5000])
def test_front_matter_that_trips_its_own_reader_names_nothing(front):
    assert taken("train.jsonl", card=f"---\n{front}\n---\n") == {"train.jsonl": "train"}
