"""The terminal interface in a real browser: opened, searched, edited, and the edit is in the log."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.chromium import CHROMIUM, chromium
from tests.cli import workbench

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="NOT TESTED: no Chromium here; apt-get install chromium, then the browser is tried"
)
ROWS = [{"question": f"Which number follows {n}?", "answer": f"The number {n + 1}"} for n in range(40)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assert workbench("init", "bench", "--bare", cwd=tmp_path).code == 0
    (tmp_path / "numbers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    said = workbench("ingest", "numbers", "../numbers.jsonl", cwd=tmp_path / "bench")
    assert said.code == 0, said.talk
    return tmp_path / "bench"


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[str]:
    """Serve a workspace by the command; give its address, and check that it ends well."""
    command = [sys.executable, "-m", "workbench", "serve", "--json"]
    server = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=asyncio.subprocess.PIPE)
    assert server.stdout is not None
    try:
        yield json.loads(await server.stdout.readline())["url"]
    finally:
        server.send_signal(signal.SIGINT)
        assert await server.wait() == 0


async def test_a_record_is_found_and_edited_in_a_browser_and_the_log_has_it(folder: Path) -> None:
    async with served(folder) as url, chromium() as tab:
        await tab.open(url)
        await tab.until("numbers")
        await tab.press("Enter")
        await tab.until("Which number follows 0?")
        await tab.type("/")
        await tab.until("text to find")
        await tab.type("follows 17")
        await tab.until("1 of 40 records")
        await tab.press("Enter")
        await tab.until("Filter")
        await tab.type("e")
        await tab.until("ctrl+s saves")
        await tab.press("End")
        await tab.type("!")
        await tab.until("follows 17?!")
        await tab.press("s", control=True)
        await tab.until("follows 17?!")
        assert all(asked.startswith((url.split("?")[0], "ws://127.0.0.1:")) for asked in tab.requested), tab.requested
        assert await tab.evaluate("location.search + document.cookie") == ""
        assert await tab.evaluate("document.querySelectorAll('.xterm-screen canvas').length") > 0
    (edit,) = [row for row in workbench("log", "numbers", "--json", cwd=folder).json["rows"] if row["kind"] == "edit"]
    assert edit["body"]["value"] == "Which number follows 17?!"


async def test_a_session_takes_sizes_and_pasted_lines_and_ends_with_its_page(folder: Path) -> None:
    async with served(folder) as url:
        async with chromium() as tab:
            await tab.open(url)
            await tab.until("numbers")
            await tab.call(
                "Emulation.setDeviceMetricsOverride", width=700, height=400, deviceScaleFactor=1, mobile=False
            )
            await tab.until("newest version")
            await tab.type("o")
            await tab.until("paste one")
            await tab.paste(str(folder.parent / "numbers.jsonl"))
            await tab.until("numbers.jsonl")
            await tab.press("Enter")
            await tab.until("becomes a record")
            assert sessions(folder)
        async with asyncio.timeout(60):
            while sessions(folder):
                await asyncio.sleep(0.1)


def sessions(folder: Path) -> list[int]:
    """Return the processes of sessions on a workspace."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:  # gone meanwhile
            continue
        if b"workbench.tui.served" in words and os.fsencode(folder) in words:
            found.append(int(process.name))
    return found
