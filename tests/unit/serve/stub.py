"""Stands in for the application of a session: it speaks Textual's packets and says what it is told.

Its argument is how it behaves: `echo`, `deaf` (does not end when asked), `fails`, `huge` (a packet beyond all size),
`stuck` (reads nothing at all).
"""

import os
import sys
import time


def say(text: str) -> None:
    payload = text.encode()
    os.write(1, b"D" + len(payload).to_bytes(4, "big") + payload)


def told() -> bytes:
    return sys.stdin.buffer.read(5)


os.write(1, b"__GANGLION__\n")
say(f"begun {os.getpid()} {os.environ['COLUMNS']}x{os.environ['ROWS']}")
if sys.argv[1] == "fails":
    sys.exit("it fell over \x1b[5;5H")
if sys.argv[1] == "stuck":
    time.sleep(600)
if sys.argv[1] == "huge":
    os.write(1, b"D" + b"\xff\xff\xff\xff")
while head := told():
    words = sys.stdin.buffer.read(int.from_bytes(head[1:], "big")).decode()
    say(f"{head[:1].decode()}:{words if len(words) < 200 else len(words)}")
    if '"quit"' in words and sys.argv[1] != "deaf":
        break
if sys.argv[1] == "deaf":
    time.sleep(600)
