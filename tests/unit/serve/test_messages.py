"""Facts about the words between browser and application: what is understood, and that nothing else is."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual._xterm_parser import XTermParser
from textual.drivers._byte_stream import ByteStream
from textual.events import Key

from workbench.serve.messages import PACKET_BYTES, Malformed, message, meta, packet, read_packet, side

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(st.text().filter(lambda text: text != "\x1b"))
def test_what_is_typed_arrives_as_textual_reads_it(text):
    said = message(json.dumps(["stdin", text]))
    ((kind, payload),) = ByteStream().feed(said.packet)
    assert (kind, payload.decode()) == ("D", text)


def test_escape_and_a_key_close_behind_it_are_two_keys():
    typed = b"".join(payload_of(message(json.dumps(["stdin", key])).packet) for key in ("\x1b", "b"))
    assert [event.key for event in XTermParser().feed(typed.decode()) if isinstance(event, Key)] == ["escape", "b"]


def payload_of(sent: bytes) -> bytes:
    ((_, payload),) = ByteStream().feed(sent)
    return payload


def test_half_a_character_has_bytes_all_the_same():
    assert message('["stdin", "a\\ud83d"]').packet == packet(b"D", b"a?")


def test_a_screen_has_a_size():
    assert message('["resize", {"width": 80, "height": 24}]').packet == meta(type="resize", width=80, height=24)
    assert message('["focus"]').packet == meta(type="focus")
    assert message('["ping", "17"]').said == "17"


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "[1]", '["stdin"]', '["stdin", 1]', '["stdin", "a", "b"]', '["resize", {"width": 80}]', '["exit"]',
     '["resize", {"width": 0, "height": 24}]', '["resize", {"width": 1e9, "height": 24}]', "[" * 100_000,
     '["resize", {"width": true, "height": 24}]', '["ping", "' + "x" * 101 + '"]', '["deliver_chunk_request", {}]'],
)  # fmt: skip
def test_anything_else_is_refused(text):
    with pytest.raises(Malformed):
        message(text)


@given(JSON)
def test_no_json_breaks_it(value):
    try:
        assert message(json.dumps(value)).kind
    except Malformed as error:
        assert str(error)


@pytest.mark.parametrize(
    ("value", "read"),
    [("120", 120), ("", 80), ("0", 80), ("-5", 80), ("9" * 99, 80), ("00010" + "9" * 9, 80), ("²", 80)],
)
def test_a_side_in_an_address_is_a_number_or_the_default(value, read):
    assert side(value, 80) == read


async def fed(raw: bytes) -> tuple[bytes, bytes] | None:
    stream = asyncio.StreamReader()
    stream.feed_data(raw)
    stream.feed_eof()
    return await read_packet(stream)


async def test_packets_are_read_whole_or_not_at_all():
    whole = packet(b"D", b"drawn")
    assert await fed(whole + b"D") == (b"D", b"drawn")
    for size in range(len(whole)):
        assert await fed(whole[:size]) is None


async def test_a_packet_beyond_all_size_is_refused_before_it_is_read():
    with pytest.raises(Malformed, match="a packet of"):
        await fed(b"D" + (PACKET_BYTES + 1).to_bytes(4, "big"))
