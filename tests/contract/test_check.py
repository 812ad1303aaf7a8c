"""What scripts rely on in `workbench check`: its object, its exit codes, its order and its limits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli import Said
from workbench.cli.main import run
from workbench.services.intake.ingest import Order, ingest
from workbench.store.store import Store
from workbench.workspace import Workspace

Check = Callable[..., Said]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("checked")
    asked = [{"question": f"Question {i}?", "answer": f"Answer {i}"} for i in range(12)]
    options = {"options": ["yes", "no"], "correct_option_index": 0}
    with Store(Workspace.create(folder / "w", with_samples=False)) as store:
        deliver(store, "clean", asked)
        deliver(store, "warned", [row | {"answer": "a\u200bb"} for row in asked])
        deliver(store, "wrong", [*asked, {"question": " ", "answer": "ann@example.org"}])
        deliver(store, "letters", [row | options for row in asked * 5])
    yield folder / "w"


def deliver(store: Store, corpus: str, rows: list[dict[str, object]]) -> None:
    path = store.workspace.root.parent / f"{corpus}.jsonl"
    path.write_text("".join(json.dumps(row | {"n": i}) + "\n" for i, row in enumerate(rows)), encoding="utf-8")
    ingest(store, Order(corpus, (path,)))


@pytest.fixture
def check(room: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    """Return the command, run in this process: a new one for each call would take a minute in all."""

    def checked(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            run(lambda workspace: None, ["check", *arguments, "--workspace", str(room)])
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return checked


@pytest.mark.parametrize(
    ("corpus", "plain", "strict"), [("clean", 0, 0), ("warned", 0, 1), ("wrong", 1, 1), ("letters", 0, 0)]
)
def test_errors_end_with_1_and_with_strict_warnings_do_as_well(check, corpus, plain, strict):
    assert check(corpus).code == plain
    assert check(corpus, "--strict", "--json").code == strict


def test_the_object_names_counts_balance_and_what_was_not_looked_for(check):
    said = check("wrong", "--json").json
    assert (said["corpus"], said["records"], said["quarantined"], said["balance"]) == ("wrong", 13, 0, [])
    assert said["issues"] == [
        {"rule": "empty-question", "severity": "error", "count": 1},
        {"rule": "email", "severity": "warning", "count": 1},
    ]
    assert isinstance(said["unchecked"], list)


def test_unbalanced_letters_are_shown_with_the_command_that_mends_them(check):
    said = check("letters", "--json").json
    assert [(b["scope"], b["letters"], b["uneven"]) for b in said["balance"]] == [("corpus", {"A": 60, "B": 0}, True)]
    shown = check("letters").out
    assert "A 60  B 0" in shown and "uneven" in shown and "workbench edit letters --fix answer-letter" in shown


def test_a_list_is_capped_with_the_true_total(check):
    shown = check("warned").out
    assert "zero-width  12" in shown and "9 more of 12" in shown
    assert "more of" not in check("warned", "--rule", "zero-width").out
    said = check("warned", "--rule", "zero-width", "--show", "5", "--json").json
    assert (len(said["records_found"]), said["total"]) == (5, 12)


def test_an_unknown_rule_is_a_usage_error_with_the_list_of_rules(check):
    said = check("clean", "--rule", "zero-widht", "--json")
    assert said.code == 2 and "did you mean 'zero-width'" in said.json["error"]["hint"]
    assert "empty-answer" in said.json["error"]["hint"] and "secret" in said.json["error"]["hint"]


def test_a_known_rule_that_nothing_breaks_is_an_empty_list(check):
    said = check("clean", "--rule", "mojibake", "--json")
    assert (said.code, said.json["issues"], said.json["total"]) == (0, [], 0)
