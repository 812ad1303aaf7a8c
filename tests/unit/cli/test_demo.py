"""What `demo` prints at its end, where some metrics have no value."""

from __future__ import annotations

from tests.cli import called as workbench
from workbench.services import demo as service

MISSING = {"value": None, "reason": "no record is plain text"}
EVALUATION = {
    "base": {"em": 0.0, "bleu": MISSING},
    "tuned": {"em": 1.0, "bleu": MISSING},
    "difference": {"em": {"value": 1.0, "interval": [1.0, 1.0], "verdict": "better", "reason": ""}, "bleu": MISSING},
    "counts": {"em": 30, "bleu": 0},
}


def test_a_metric_without_a_value_is_told_with_its_reason(monkeypatch, tmp_path):
    corpus = {
        "corpus": "quiz", "kind": "mcq", "read": 1, "kept": 1, "merged": 0, "quarantined": 0,
        "faults": {"planted": 0, "missed": 0, "invented": 0},
        "splits": {"train": 1, "validation": 0, "test": 0, "excluded": 0, "removed": 0},
        "proof": {"exact": 0, "near": 0, "neighbour": 0, "group": 0, "max_jaccard": "< 0.5"},
    }  # fmt: skip
    done = service.Demo(tmp_path, corpora=[corpus], evaluation=EVALUATION, run="quiz-v1-tiny-1")
    monkeypatch.setattr(service, "demo", lambda folder, report: done)
    said = workbench("demo", str(tmp_path), cwd=tmp_path)
    assert said.code == 0 and "n/a: bleu (no record is plain text)" in said.out
    assert "em  0.0000  1.0000     +1.0000" in said.out and "Every promise was kept." in said.out


def test_a_folder_that_holds_something_is_a_usage_error(tmp_path):
    (tmp_path / "mine").touch()
    for named in ((str(tmp_path),), ("--workspace", str(tmp_path))):
        said = workbench("demo", *named, "--json", cwd=tmp_path)
        assert said.code == 2 and "is not empty" in said.json["error"]["what"]
