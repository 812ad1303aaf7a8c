"""The commands around records, as a person reads them: what a newcomer is told, and what nobody has to see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli import Said, called
from tests.corpora import fact, facts, words

SECRET = "ghp_" + "a1B2" * 10
LONG = words("long", 40)
ROWS = [
    *facts(*range(10)),
    fact(0),
    {"question": f"{LONG} ann@example.org {LONG}", "answer": "one"},
    {"question": "What is it?", "answer": f"My token is {SECRET}"},
]


def ingested(folder: Path, rows: list[dict[str, str]], more: str = "") -> Path:
    """Make a workspace whose corpus `facts` holds rows."""
    assert called("init", ".", "--bare", cwd=folder).code == 0
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + more)
    assert called("ingest", "rows.jsonl", "--corpus", "facts", "--schema", "qa", cwd=folder).code == 0
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ingested(tmp_path_factory.mktemp("curating"), ROWS, '{"question": "torn\n')


def test_an_ingest_names_the_columns_that_no_field_takes(tmp_path):
    folder = ingested(tmp_path, facts(1))
    (folder / "more.jsonl").write_text(json.dumps(fact(2) | {"url\x1b": "u"}) + "\n" + json.dumps(fact(3)) + "\n")
    said = called("ingest", "facts", "more.jsonl", cwd=folder)
    assert "no field takes url" in said.out and "(1 row): kept with the records" in said.out and "\x1b" not in said.out
    assert called("ingest", "facts", "more.jsonl", "--json", cwd=folder).json["sources"][0]["unread"] == {"url\x1b": 1}


def test_a_preview_shows_the_part_that_changes(folder):
    _, now, then = called("edit", "facts", "--fix", "email", "--preview", cwd=folder).out.splitlines()
    assert "ann@example.org" in now and "[e-mail]" in then


@pytest.mark.parametrize(
    "arguments",
    [("check",), ("check", "--rule", "secret"), ("edit", "--fix", "secret", "--preview")],
    ids=" ".join,
)
@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_secret_that_a_rule_found_is_never_printed_whole(folder, arguments, as_json):
    said = called(arguments[0], "facts", *arguments[1:], *as_json, cwd=folder)
    assert "secret" in said.out and SECRET not in said.out + said.talk


def test_a_record_shows_its_own_text_and_its_issues_mask_the_secret(folder):
    (found,) = called("check", "facts", "--rule", "secret", "--json", cwd=folder).json["records_found"]
    shown = called("show", "facts", found["record"], "--json", cwd=folder).json
    assert SECRET in shown["fields"]["answer"]
    assert [issue["value"] for issue in shown["issues"]] == ["My token is ghp_…[44 characters]"]
    assert "[44 characters]" in found["value"]


def test_purge_still_finds_a_secret_that_is_masked(folder):
    asked = called("purge", "facts", "--secrets", cwd=folder)
    assert asked.code == 2 and "44 characters" in asked.talk


def test_duplicates_are_shown_with_their_texts_and_with_what_becomes_of_them(folder):
    lines = called("dedup", "facts", cwd=folder).out.splitlines()
    beginning = fact(0)["question"][:20]
    kept, removed = lines[-2:]
    assert kept.split()[2] == "kept" and removed.split()[0] == "removed"
    assert beginning in kept and beginning in removed


def test_no_duplicates_are_no_table(tmp_path):
    said = called("dedup", "facts", cwd=ingested(tmp_path, facts(1, 2, 3)))
    assert "0 clusters" in said.out and "jaccard" not in said.out


def test_a_list_of_records_is_as_wide_as_a_page(folder):
    said = called("show", "facts", cwd=folder)
    assert max(map(len, said.out.splitlines())) <= 120 and "record " in said.out


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--find", ""), "--find has no text to look for"),
        (("--find", "x", "--quarantine"), "--quarantine and --find are asked for at once"),
        (("abc123", "--conflicts"), "a record and --conflicts are asked for at once"),
    ],
)
def test_nothing_that_is_asked_of_show_is_passed_over(folder, asked, said):
    answer = called("show", "facts", *asked, cwd=folder)
    assert answer.code == 2 and said in answer.talk and answer.out == ""


def test_an_option_without_its_value_points_to_the_help_of_its_command(folder):
    assert "see: workbench show --help" in called("show", "facts", "--find", cwd=folder).talk


def test_a_text_is_found_whatever_stands_beside_it(folder):
    assert called("show", "facts", "--find", "my TOKEN is", "--json", cwd=folder).json["total"] == 1


def test_a_corpus_that_is_named_behind_its_file_is_told_to_come_first(folder):
    said = called("ingest", "rows.jsonl", "garden", cwd=folder)
    assert (
        said.code == 2 and "a corpus comes first, or behind --corpus: workbench ingest garden rows.jsonl" in said.talk
    )
    assert "check the path" in called("ingest", "rows.jsonl", "more.jsonl", cwd=folder).talk


def test_an_edit_says_which_rules_the_record_breaks_now(tmp_path):
    folder = ingested(tmp_path, facts(1))
    (record,) = (row["id"] for row in called("show", "--json", cwd=folder).json["rows"])
    broken = called("edit", record, "--set", "answer=", cwd=folder)
    assert "1 edit" in broken.out and "now error empty-answer: " in broken.out
    mended = called("edit", record, "--set", "answer=one", "--json", cwd=folder)
    assert mended.json["edits"] == 1 and "error" not in {one["severity"] for one in mended.json["issues"]}
    undone = called("edit", "--undo", "2", cwd=folder).out
    assert 'is again: answer = ""' in undone and "now " not in undone


def test_a_file_that_is_here_under_another_name_is_told_as_such(tmp_path):
    folder = ingested(tmp_path, facts(1))
    again = called("ingest", "facts", "rows.jsonl", "--source", "other", "--dry-run", cwd=folder)
    assert "the same bytes as rows.jsonl" in again.out
    kept = called("ingest", "facts", "rows.jsonl", "--source", "other", "--json", cwd=folder)
    assert kept.json["sources"][0]["same_as"] == ["rows.jsonl"]
    assert "the same bytes" not in called("ingest", "facts", "rows.jsonl", "--corpus", "third", cwd=folder).out


def test_an_edit_in_conflict_is_listed_with_what_settles_it(tmp_path):
    folder = ingested(tmp_path, facts(1, 2))
    record = called("show", "--json", cwd=folder).json["rows"][0]["id"]
    assert called("edit", record, "--set", "answer=mine", cwd=folder).code == 0
    changed = [fact(1) | {"answer": "theirs"}, fact(2)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in changed))
    assert "1 edit no longer fitting" in called("ingest", "facts", "rows.jsonl", cwd=folder).out
    listed = called("show", "--conflicts", cwd=folder).out
    assert "workbench edit facts RECORD --set FIELD=VALUE" in listed
    (conflict,) = called("show", "--conflicts", "--json", cwd=folder).json["rows"]
    assert called("edit", "facts", conflict["record"], "--set", "answer=ours", cwd=folder).code == 0
    assert "RECORD" not in called("show", "--conflicts", cwd=folder).out


def test_files_without_a_corpus_may_go_to_a_new_one(tmp_path):
    folder = ingested(tmp_path, facts(1))
    assert called("ingest", "rows.jsonl", "--corpus", "other", cwd=folder).code == 0
    refused = called("ingest", "rows.jsonl", cwd=folder)
    assert refused.code == 2 and "--corpus NAME: a new name makes a corpus" in refused.talk
    assert "facts, other" in refused.talk
    assert "new name" not in called("ingest", cwd=folder).talk, "what is declared is taken into a corpus that is here"


def test_quarantined_lines_are_rows_everywhere(folder):
    listed = called("show", "facts", "--quarantine", cwd=folder).out
    assert "quarantined rows" in listed and listed.splitlines()[1].startswith("  rows.jsonl:13  ")
    refused = called("edit", "facts", "--readmit", "rows.jsonl:99", "--set", "a=b", cwd=folder)
    assert "no quarantined row 99" in refused.talk and "workbench show facts --quarantine" in refused.talk
    told = listed + refused.talk + called("edit", "--help", cwd=folder).out
    assert "unit" not in told and "position" not in told and "SOURCE:ROW" in told


def test_the_reason_of_a_quarantined_row_is_told_whole(folder):
    listed = called("show", "facts", "--quarantine", cwd=folder)
    (row,) = called("show", "facts", "--quarantine", "--json", cwd=folder).json["rows"]
    assert f"    {row['reason']}" in listed.out.splitlines()


def held(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_dry_run_tells_what_an_ingest_does_and_writes_nothing(tmp_path):
    folder = ingested(tmp_path, facts(1))
    new = [fact(90) | {"url": "u"}, fact(1), {"other": "shape"}, {"other": "again"}]
    (folder / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in new) + "[]\n")
    asked = ("ingest", "facts", "new.jsonl", "--json")
    before = held(folder)
    rehearsed = called(*asked, "--dry-run", cwd=folder).json
    said = called(*asked[:-1], "--dry-run", cwd=folder).out
    assert held(folder) == before
    assert rehearsed.pop("dry_run") is True and "nothing was written" in said
    (told,) = rehearsed["sources"]
    assert (told["read"], told["kept"], told["quarantined"], told["unread"]) == (5, 2, 3, {"url": 1})
    assert list(told["reasons"].values()) == [2, 1] and all(reason in said for reason in told["reasons"])
    (done,) = called(*asked, cwd=folder).json["sources"]
    assert {key: done[key] for key in told} == told
    (again,) = called(*asked, "--dry-run", cwd=folder).json["sources"]
    assert (again["kept"], again["merged"], again["quarantined"]) == (0, 2, 3)


def test_a_shorter_delivery_is_told_of_before_and_when_it_comes_in(tmp_path):
    folder = ingested(tmp_path, facts(*range(6)))
    rows, asked = folder / "rows.jsonl", ("ingest", "facts", "rows.jsonl")
    rows.write_text("".join(rows.read_text().splitlines(keepends=True)[:4]))
    told = "gone from the corpus: 2 records that rows.jsonl held before and holds no more"
    assert told in called(*asked, "--dry-run", cwd=folder).out
    assert told in called(*asked, cwd=folder).out
    assert "gone" not in called(*asked, cwd=folder).out


def test_a_dry_run_makes_no_corpus(tmp_path):
    folder = ingested(tmp_path, facts(1))
    before = held(folder)
    said = called("ingest", "rows.jsonl", "--corpus", "fresh", "--dry-run", cwd=folder)
    assert said.code == 0 and "kept 1" in said.out and held(folder) == before


def test_ingest_says_where_quarantined_rows_are_seen(folder):
    assert "workbench show facts --quarantine" in called("ingest", "facts", cwd=folder).out


def test_a_row_is_not_readmitted_as_nothing(folder):
    said = called("edit", "facts", "--readmit", "rows.jsonl:13", cwd=folder)
    assert said.code == 2 and "--set" in said.talk


def test_an_undo_says_that_it_passes_over_a_readmission_and_what_to_do(tmp_path):
    folder = ingested(tmp_path, facts(1, 2), '{"question": "torn\n')
    first = called("show", "facts", "--json", cwd=folder).json["rows"][0]["id"]
    assert called("edit", "facts", first, "--set", "answer=other", cwd=folder).code == 0
    values = [f"--set={name}={value}" for name, value in fact(3).items()]
    back = called("edit", "facts", "--readmit", "rows.jsonl:2", *values, "--json", cwd=folder).json["record"]
    said = called("edit", "facts", "--undo", "1", cwd=folder)
    assert "1 edit" in said.out and back[:12] in said.talk
    assert f"workbench edit facts {back[:12]} --drop" in said.talk
    again = called("edit", "facts", "--undo", "1", cwd=folder)
    assert "note:" not in again.talk


def test_one_of_a_thing_is_told_in_the_singular(tmp_path):
    folder = ingested(tmp_path, [*facts(1), {"question": "Who?", "answer": ""}])
    said = called("check", "facts", cwd=folder)
    assert "2 records, 1 issue," in said.out


def counted_split(folder: Path, counts: str, *more: str) -> Said:
    return called("split", "facts", "--counts", counts, "--seed", "1", *more, cwd=folder)


def test_counts_that_only_groups_prevent_are_a_warning(tmp_path):
    rows = [fact(i, context=f"passage {i // 3}") for i in range(12)]
    folder = ingested(tmp_path, rows)
    schema = folder / "schemas" / "qa.yaml"
    schema.write_text(schema.read_text() + "\ngroup: [context]\n")
    said = counted_split(folder, "4/3/3", "--json")
    assert said.code == 0 and "warning: v1" in said.talk and "train 3 of 4" in said.talk
    assert said.json["splits"] == {"train": 3, "validation": 3, "test": 3, "excluded": 3}
    assert said.json["wanted"] == {"train": 4, "validation": 3, "test": 3}
    assert list(said.json["splits"]) == ["train", "validation", "test", "excluded"]


def test_counts_beyond_what_there_is_make_a_version_with_a_warning_that_stays(tmp_path):
    folder = ingested(tmp_path, facts(*range(8)))
    said = counted_split(folder, "10/1/1")
    assert said.code == 0 and "4 records are wanting" in said.talk and "facts@v1" in said.out
    assert "4 records are wanting" in called("split", "facts", cwd=folder).talk
    assert [line.split()[1] for line in said.out.splitlines()[1:6]] == [
        "train", "validation", "test", "excluded", "removed",
    ]  # fmt: skip


def test_ratios_beside_counts_are_refused(tmp_path):
    said = counted_split(ingested(tmp_path, facts(*range(4))), "2/1/1", "--ratios", "80/10/10")
    assert said.code == 2 and "both ratios and counts" in said.talk


def test_an_export_is_replaced_by_force_alone(tmp_path):
    folder = ingested(tmp_path, facts(*range(20)))
    assert called("split", "facts", cwd=folder).code == 0
    first = called("export", "facts", "--out", "out", "--json", cwd=folder)
    again = called("export", "facts", "--out", "out", "--json", cwd=folder)
    assert (first.code, again.code) == (0, 0)
    assert (first.json["already_there"], again.json["already_there"]) == (False, True)
    assert {key: first.json[key] for key in ("files", "rows")} == {key: again.json[key] for key in ("files", "rows")}
    assert "already there" in called("export", "facts", "--out", "out", cwd=folder).out
    other = called("export", "facts", "--out", "out", "--license", "mit", cwd=folder)
    assert other.code == 2 and "--force" in other.talk
    assert called("export", "facts", "--out", "out", "--license", "mit", "--force", cwd=folder).code == 0
