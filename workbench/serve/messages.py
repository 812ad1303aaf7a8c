"""The words that browser and application exchange: Textual's packets on one side, JSON text frames on the other."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple

FRAME_BYTES = 1 << 20
"""Bytes of a browser's message: a long text that is pasted."""
PACKET_BYTES = 16 << 20
"""Bytes of an application's packet: many times the largest screen."""
READY = b"__GANGLION__\n"
"""What Textual's driver for the web writes before its first packet."""
DATA, META = b"D", b"M"
_ESCAPE, _SURELY = "\x1b", "\x1b[27u"
"""The escape key as a browser sends it, alone in its message, and as terminals with the Kitty protocol send it: the
lone byte and a key close behind it would be read as one key with alt."""
_SIDE = 1000
"""Cells of a screen's longest side."""


class Malformed(Exception):
    """A message that is none of those that are exchanged."""


class Message(NamedTuple):
    """What a browser says: its kind, and the packet for the application (empty for a ping)."""

    kind: str
    packet: bytes
    said: str = ""
    """What a ping wants back."""


def packet(kind: bytes, payload: bytes) -> bytes:
    """Return a packet as Textual's driver for the web reads it: kind, size as 4 bytes, payload."""
    return kind + len(payload).to_bytes(4, "big") + payload


def meta(**said: object) -> bytes:
    """Return a packet that is no input but about the screen."""
    return packet(META, json.dumps(said).encode())


def message(text: str) -> Message:
    """Return what a browser's text frame says; raises Malformed for anything unknown."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed("no JSON") from error
    match said:
        case ["stdin", str(typed)]:
            # Half of a character that stands for two, as JavaScript can send it, has no bytes.
            typed = _SURELY if typed == _ESCAPE else typed
            return Message("stdin", packet(DATA, typed.encode("utf-8", "replace")))
        case ["resize", {"width": width, "height": height}] if _is_side(width) and _is_side(height):
            return Message("resize", meta(type="resize", width=width, height=height))
        case ["focus" | "blur" as kind]:
            return Message(kind, meta(type=kind))
        case ["ping", str(sent)] if len(sent) <= 100:
            return Message("ping", b"", sent)
        case _:
            raise Malformed("an unknown message")


def _is_side(value: Any) -> bool:  # noqa: ANN401 - a JSON value
    return type(value) is int and 1 <= value <= _SIDE


def side(value: str, default: int) -> int:
    """Return a side of the first screen as it stands in an address, or the default."""
    is_short = value.isascii() and value.isdigit() and len(value) <= 4
    return int(value) if is_short and _is_side(int(value)) else default


async def read_packet(stream: asyncio.StreamReader) -> tuple[bytes, bytes] | None:
    """Return the kind and payload of an application's next packet, None at the end; raises Malformed for a huge one."""
    head = await read_exactly(stream, 5)
    size = int.from_bytes(head[1:], "big")
    if size > PACKET_BYTES:
        raise Malformed(f"a packet of {size:,} bytes")
    payload = await read_exactly(stream, size)
    return (head[:1], payload) if len(head) == 5 and len(payload) == size else None


async def read_exactly(stream: asyncio.StreamReader, size: int) -> bytes:
    """Return so many bytes, or those that are left where a stream ends before."""
    try:
        return await stream.readexactly(size)
    except asyncio.IncompleteReadError as error:
        return error.partial
