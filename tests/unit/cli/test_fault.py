"""A bug of ours is told with all that helps to find it, and with no credentials."""

from __future__ import annotations

from tests.cli import called
from workbench.cli import main
from workbench.errors import ExitCode


def test_the_traceback_of_a_bug_holds_no_credentials(tmp_path, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"quite-a-secret does not open https://me:{'p' * 9}@store.example/")

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "quite-a-secret")
    monkeypatch.setattr(main, "app", broken)
    said = called("log", cwd=tmp_path)
    assert said.code == ExitCode.BUG and said.out == ""
    assert "RuntimeError: *** does not open https://***@store.example/" in said.talk
    assert "quite-a-secret" not in said.talk and "p" * 9 not in said.talk
