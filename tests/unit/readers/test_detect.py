"""Detection: content first, suffix second, every guess said, every refusal with a hint."""

from __future__ import annotations

import gzip
import pickle
import zipfile
from pathlib import Path

import pytest

from tests.unit.readers.units import records
from workbench.errors import UsageError
from workbench.readers import registry
from workbench.readers.detect import detect, plan
from workbench.readers.record import Proposal


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "data", "reader"),
    [
        ("a.txt", b'{"a": 1}\n{"a": 2}\n', "jsonl"),
        ("a.csv", b'[{"a": 1}, {"a": 2}]', "json_array"),
        ("a.json", b'{"a": 1}\n{"a": 2}\n', "jsonl"),
        ("a.data", b"x,y\n1,2\n3,4\n", "delimited"),
        ("a.tsv", b"x\ty\n1\t2\n", "delimited"),
        ("a.csv", b"text\nonly one column\n", "delimited"),
        ("a.txt", b"Once, in May, it rained.\nThen, it stopped.\n", "plain_text"),
        ("a.md", b"[a link](http://x) and [1] a note, with words.\n", "plain_text"),
        ("a.txt", b"[Illustration: a road]\n\nOnce it rained.\n", "plain_text"),
        ("a.json", b"[]", "json_array"),
    ],
)
def test_content_decides_before_the_suffix(name: str, data: bytes, reader: str, tmp_path: Path) -> None:
    assert detect(written(tmp_path, name, data)).reader == reader


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16-le", "utf-16-le"), ("utf-16-be", "utf-16-be")],
)
def test_a_byte_order_mark_settles_the_encoding(encoding: str, expected: str, tmp_path: Path) -> None:
    mark = "\ufeff" if "16" in encoding else ""
    found = detect(written(tmp_path, "a.txt", (mark + "Où est-il ? Là-bas.\n").encode(encoding)))
    assert (found.encoding, found.guesses) == (expected, ())


def test_a_guessed_encoding_is_said_with_an_excerpt(tmp_path: Path) -> None:
    found = detect(written(tmp_path, "a.csv", b"a,b\n1,caf\xe9\n"))
    assert found.encoding == "latin-1" and "guess" in found.guesses[0] and "café" in found.guesses[0]


def test_western_punctuation_bytes_make_it_cp1252(tmp_path: Path) -> None:
    text = "L’été s’achève déjà — “oui”, dit-elle, à côté de la fenêtre.\n" * 20
    assert detect(written(tmp_path, "a.txt", text.encode("cp1252"))).encoding == "cp1252"


def test_utf16_without_a_mark_is_a_guess(tmp_path: Path) -> None:
    found = detect(written(tmp_path, "a.txt", "Once it rained, then it stopped.\n".encode("utf-16-le")))
    assert found.encoding == "utf-16-le" and found.guesses


def test_one_bad_byte_in_a_utf8_file_does_not_change_its_encoding(tmp_path: Path) -> None:
    data = "Déjà vu, çà et là.\n".encode() * 50 + b"\xff\n"
    found = detect(written(tmp_path, "a.txt", data))
    assert found.encoding == "utf-8" and "set aside" in found.guesses[0]


def test_a_bad_byte_far_behind_the_head_is_found(tmp_path: Path) -> None:
    data = b"plain words only.\n" * 100_000 + "déjà vu, çà et là, été.\n".encode("latin-1") * 5
    found = detect(written(tmp_path, "a.txt", data))
    assert found.encoding == "latin-1"


def test_running_text_under_the_name_of_another_shape_is_said(tmp_path: Path) -> None:
    found = detect(written(tmp_path, "a.jsonl", b"{'a': 1}\n{'a': 2}\n"))
    assert found.reader == "plain_text" and ".jsonl" in found.guesses[0]


def test_archives_and_pickles_are_to_be_unpacked_first(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x.json", "[]")
    packed = [gzip.compress(b"{}")[:12], (tmp_path / "a.zip").read_bytes()[:20], pickle.dumps([{"a": 1}])[:9]]
    for data in packed:
        with pytest.raises(UsageError) as caught:
            detect(written(tmp_path, "a.json", data))
        assert "unpack it first" in caught.value.hint


@pytest.mark.parametrize(
    "data", [b"", b" \n\n", bytes(range(256)) * 8, b"\x00" * 100, b"%PDF-1.7\n...", b"\x89PNG\r\n\x1a\n...."]
)
def test_what_is_no_text_is_refused_with_a_hint(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        detect(written(tmp_path, "a.bin", data))
    assert "a.bin" in caught.value.what and caught.value.hint


def test_missing_files_and_folders_without_data_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.json", tmp_path):
        with pytest.raises(UsageError) as caught:
            detect(path)
        assert caught.value.hint


def test_an_unknown_reader_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UsageError) as caught:
        registry.reader("jsonlines")
    assert "jsonl" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,café\n",
        "question,reponse\nOù est la forêt ?,là-bas\n",
        "Él niño comió piña.\n",
        "Die Straße ist schön, über Köln.\n",
        '{"q": "Où?", "a": "là"}\n{"q": "Été", "a": "hiver"}\n',
        "naïve\n",
        "Jag åt smörgås på ön i går.\n",
        "« Où est-elle ? »\n",
    ],
)
def test_a_short_western_text_is_read_as_western(text: str, tmp_path: Path) -> None:
    assert detect(written(tmp_path, "a.txt", text.encode("latin-1"))).encoding == "latin-1"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Привет, как дела? Всё хорошо.\n"),
        ("cp1250", "Zażółć gęślą jaźń, proszę bardzo, dziękuję.\n"),
        ("cp932", "こんにちは、世界。今日はいい天気ですね。\n"),
    ],
)
def test_a_text_of_another_script_is_not_taken_for_western(encoding: str, text: str, tmp_path: Path) -> None:
    assert detect(written(tmp_path, "a.txt", text.encode(encoding))).encoding == encoding


ODD = b"".join(b"\x81\x8d \x9d\x90%d\n" % number for number in range(40))


def test_a_text_in_no_known_encoding_is_not_called_binary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.readers.encoding.from_bytes", lambda data: [])
    with pytest.raises(UsageError, match="may be a text, but no encoding fits") as caught:
        detect(written(tmp_path, "a.txt", ODD))
    assert "--encoding" in caught.value.hint


def test_a_given_reader_and_encoding_are_taken_where_the_bytes_look_binary(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", b'{"a": "x\x7f\x80"}\n{"a": "y"}\n')
    with pytest.raises(UsageError, match="binary") as caught:
        plan(path)
    assert "--encoding" in caught.value.hint
    reading = plan(path, reader="jsonl", encoding="latin-1")
    assert reading.proposal == Proposal("jsonl", "latin-1")
    assert [unit.fields["a"] for unit in records(list(registry.read(reading)))] == ["x\x7f\x80", "y"]
    assert plan(path, encoding="latin-1").proposal == Proposal("jsonl", "latin-1")
    assert plan(path, reader="jsonl").proposal == Proposal("jsonl")


def test_a_given_reader_is_taken_whatever_the_content_looks_like(tmp_path: Path) -> None:
    path = written(tmp_path, "a.json", b'[{"a": 1}]')
    assert plan(path, reader="plain_text").proposal.reader == "plain_text"
    assert plan(path, reader="delimited").proposal.reader == "delimited"


def test_a_reader_that_is_given_still_finds_out_about_the_header(tmp_path: Path) -> None:
    assert plan(written(tmp_path, "a.dat", b"1,2\n3,4\n"), reader="delimited", encoding="utf-8").header is False


@pytest.mark.parametrize(("reader", "encoding"), [("jsonlines", None), (None, "latin-11"), (None, "base64")])
def test_an_unknown_name_that_is_given_is_refused(reader: str | None, encoding: str | None, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        plan(written(tmp_path, "a.txt", b"words\n"), reader=reader, encoding=encoding)
    assert caught.value.hint


def test_an_archive_is_refused_even_where_a_reader_is_given(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gzip"):
        plan(written(tmp_path, "a.jsonl", gzip.compress(b"{}")), reader="jsonl", encoding="utf-8")
