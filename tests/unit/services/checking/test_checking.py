"""What checking keeps between two calls never shows: edited, delivered again or torn, the issues are those of now."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.corpora import CORPUS, cut, deliver, fact, facts, ids, scratch, state
from workbench.curation import validate
from workbench.curation.validate import ISSUES, issues
from workbench.errors import UsageError
from workbench.services.checking import check as checking
from workbench.services.checking.check import check, issue_counts, letter_balance, of_rule
from workbench.services.records.editing import drop, edit
from workbench.services.records.undo import undo
from workbench.workspace import samples

ANSWERS = st.sampled_from(["", "Mail ann@example.org", "cafÃ©", "fine", "a\u200bb", "<s>yes", "fine again"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("edit"), st.integers(0, 7), ANSWERS),
        st.tuples(st.just("drop"), st.integers(0, 7), st.booleans()),
        st.tuples(st.just("deliver"), st.integers(0, 6), ANSWERS),
    ),
    max_size=4,
)
QUICK = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))


def rows(first: int, answer: str) -> list[dict[str, str]]:
    """Return eight facts of which one has this answer; they are known by their question."""
    return [fact(i) if i != first + 2 else fact(i, answer=answer) for i in range(first, first + 8)]


def kept(store) -> list[str]:
    return sorted(path.name for path in store.workspace.cache.glob("issues-*"))


@given(STEPS)
@QUICK
def test_kept_issues_are_those_found_anew_whatever_was_done_between(steps):
    with scratch() as store:
        deliver(store, rows(0, "Mail bob@example.org"), key=("question",))
        for what, number, value in [("edit", 0, "fine"), *steps]:
            record = ids(store)[number % len(ids(store))] if ids(store) else None
            if what == "deliver":
                deliver(store, rows(number, value), key=("question",))
            elif record and what == "edit":
                edit(store, CORPUS, record, {"answer": value})
            elif record:
                drop(store, CORPUS, [record])
            now, found = check(store, CORPUS)
            assert found.equals(issues(now.records, now.schema))
            assert found.equals(check(store, CORPUS)[1])


def test_after_an_edit_only_the_edited_record_is_looked_at(store, monkeypatch):
    deliver(store, facts(*range(20)))
    check(store, CORPUS)
    looked: list[int] = []
    plain = validate.record_issues
    monkeypatch.setattr(checking, "record_issues", lambda f, s: looked.append(f.height) or plain(f, s))
    edit(store, CORPUS, ids(store)[0], {"answer": " "})
    assert set(check(store, CORPUS)[1]["rule"]) == {"empty-answer"}
    assert looked == [1]


@pytest.mark.parametrize("harm", ["torn", "empty", "other"])
def test_what_a_power_cut_left_torn_is_found_anew(store, harm):
    deliver(store, [*facts(1, 2), fact(3, answer="ann@example.org")])
    before = check(store, CORPUS)[1]
    path = next(store.workspace.cache.glob("issues-*"))
    whole = path.read_bytes()
    path.write_bytes({"torn": whole[: len(whole) // 2], "empty": b"", "other": b"PAR1"}[harm])
    assert check(store, CORPUS)[1].equals(before)
    assert check(store, CORPUS)[1].equals(before)


def test_what_no_segment_needs_any_more_is_removed_and_other_corpora_keep_theirs(store):
    deliver(store, facts(1, 2))
    deliver(store, facts(1, 2), file="b.jsonl", name="other")
    check(store, CORPUS)
    first = kept(store)
    deliver(store, facts(11, 12))
    (store.workspace.cache / "issues-0123456789abcdef-0.parquet").write_bytes(b"of another corpus")
    check(store, CORPUS)
    assert len(first) == 2 and len(set(kept(store)) - set(first)) == 2 and len(kept(store)) == 3


def test_other_rules_than_those_that_were_kept_find_anew(store, monkeypatch):
    deliver(store, facts(1, 2))
    check(store, CORPUS)
    before = kept(store)
    monkeypatch.setattr(checking, "RULES_VERSION", checking.RULES_VERSION + 1)
    check(store, CORPUS)
    assert len(kept(store)) == 1 and kept(store) != before


def test_a_disk_that_takes_nothing_hinders_no_check(store, monkeypatch):
    deliver(store, [fact(1, answer=" ")])

    def full(frame, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checking, "write_parquet", full)
    assert check(store, CORPUS)[1]["rule"].to_list() == ["empty-answer"]
    assert kept(store) == []


def test_an_empty_corpus_has_no_issues(store):
    deliver(store, facts(1))
    drop(store, CORPUS, ids(store))
    found = check(store, CORPUS)[1]
    assert found.is_empty() and dict(found.schema) == ISSUES


def test_counts_stand_by_severity_and_then_by_number(store):
    texts = ["", "ann@example.org", "bob@example.org", "<s>", "cafÃ©", "ddÃ©", "e\u200be"]
    deliver(store, [fact(i, answer=text) for i, text in enumerate(texts)])
    told = [(c["severity"], c["rule"], c["count"]) for c in issue_counts(check(store, CORPUS)[1])]
    assert told == [
        ("error", "mojibake", 2),
        ("error", "empty-answer", 1),
        ("warning", "email", 2),
        ("warning", "literal-marker", 1),
        ("warning", "zero-width", 1),
    ]


def test_a_rule_that_is_known_may_have_no_issue_and_an_unknown_one_is_refused(store):
    deliver(store, [fact(1, answer="ann@example.org")])
    now, found = check(store, CORPUS)
    assert of_rule(found, "email", now.schema).height == 1
    assert of_rule(found, "mojibake", now.schema).is_empty() and of_rule(found, "empty-answer", now.schema).is_empty()
    with pytest.raises(UsageError, match="no rule named 'emails'") as caught:
        of_rule(found, "emails", now.schema)
    assert "did you mean 'email'" in caught.value.hint and "wrong-language" in caught.value.hint


def test_letters_are_told_of_the_corpus_and_of_each_split_of_the_newest_version(store):
    deliver(store, [asked(i) for i in range(60)], schema="mcq")
    assert [spread["scope"] for spread in letter_balance(store, state(store), CORPUS)] == ["corpus"]
    cut(store, ratios=(0.5, 0.25, 0.25))
    told = letter_balance(store, state(store), CORPUS)
    assert [spread["scope"] for spread in told] == ["corpus", "v1 train", "v1 validation", "v1 test"]
    assert told[0] == {
        "scope": "corpus",
        "letters": {"A": 60, "B": 0},
        "chi2": 60.0,
        "p": told[0]["p"],
        "n": 60,
        "uneven": True,
    }
    assert sum(spread["n"] for spread in told[1:]) == 60


def asked(number: int) -> dict[str, object]:
    row = fact(number)
    return {"question": row["question"], "options": [row["answer"], f"no {number}"], "correct_option_index": 0}


def test_a_corpus_without_options_has_no_letters(store):
    deliver(store, facts(1, 2))
    assert letter_balance(store, state(store), CORPUS) == []


def test_a_rule_that_is_added_to_the_schema_is_looked_for_at_once(store):
    deliver(store, facts(1, 2))
    assert check(store, CORPUS)[1].is_empty()
    text = (samples() / "schemas" / "qa.yaml").read_text(encoding="utf-8")
    rule = "  - {name: no-context, sql: context IS NOT NULL, field: context, message: m, hint: h}\n"
    example = "  - {row: {question: q, answer: a}, rules: [no-context]}\n"
    own = text.replace("rules:\n", "rules:\n" + rule, 1) + example
    (store.workspace.root / "schemas" / "qa.yaml").write_text(own, encoding="utf-8")
    assert check(store, CORPUS)[1]["rule"].to_list() == ["no-context"] * 2


def test_an_issue_that_an_edit_mends_is_gone_and_comes_back_with_its_undo(store):
    deliver(store, [fact(1, answer="ann@example.org"), *facts(2, 3)])
    record = check(store, CORPUS)[1]["record"][0]
    edit(store, CORPUS, record, {"answer": "by letter"})
    assert check(store, CORPUS)[1].is_empty()
    undo(store, CORPUS)
    assert check(store, CORPUS)[1]["rule"].to_list() == ["email"]
