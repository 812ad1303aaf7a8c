"""Facts about who may come in: the right secret, for this server's own name, from its own page."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.serve.gate import Gate, is_loopback

LOCAL, OPEN = Gate("127.0.0.1"), Gate("0.0.0.0")


def test_no_two_servers_share_a_secret_or_a_cookies_name():
    one, other = Gate("127.0.0.1"), Gate("127.0.0.1")
    assert len({one.token, one.ticket, other.token, other.ticket}) == 4
    assert one.cookie != other.cookie
    assert len(one.token) >= 43, "32 random bytes"


def test_secrets_are_not_part_of_what_is_printed_of_a_gate():
    assert LOCAL.token not in repr(LOCAL) and LOCAL.ticket not in repr(LOCAL)


@given(st.text())
def test_no_other_text_is_the_token(text):
    assert not LOCAL.has_token(text) and not LOCAL.has_ticket({LOCAL.cookie: text})


def test_the_token_is_no_ticket_and_the_ticket_no_token():
    assert LOCAL.has_token(LOCAL.token) and not LOCAL.has_token(LOCAL.ticket)
    assert LOCAL.has_ticket({LOCAL.cookie: LOCAL.ticket}) and not LOCAL.has_ticket({LOCAL.cookie: LOCAL.token})
    assert not LOCAL.has_ticket({"workbench-0": LOCAL.ticket}) and not LOCAL.has_ticket({})


@pytest.mark.parametrize("host", ["127.0.0.1:80", "localhost", "LOCALHOST:1", "[::1]:99", "127.0.0.1", "127.8.8.8:1"])
def test_loopback_by_any_of_its_names_and_ports_is_us(host):
    assert LOCAL.is_for_us(host) and OPEN.is_for_us(host)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.", "", "evil@127.0.0.1", "127.0.0.1/x",
     "127.0.0.1:x", "127.0.0.1:0", "[::1", "localhost evil", "localhost\x00", "lócalhost", "0x7f000001", "127.1",
     "evil[::1]", "[::1]evil", "[::1];script-src"],
)  # fmt: skip
def test_a_name_of_somebody_elses_is_not_us(host):
    assert not LOCAL.is_for_us(host) and not OPEN.is_for_us(host)


def test_a_server_that_others_reach_goes_by_address_and_by_its_own_name():
    for host in ("192.0.2.7:80", "[2001:db8::1]:80", f"{socket.gethostname()}:80"):
        assert OPEN.is_for_us(host)
        assert not LOCAL.is_for_us(host)
    assert Gate("box.lan").is_for_us("box.lan:80") and not Gate("box.lan").is_for_us("other.lan")


@given(st.text(max_size=40))
def test_no_host_breaks_the_gate(text):
    assert LOCAL.is_for_us(text) in (True, False)


@pytest.mark.parametrize("origin", ["http://localhost:9", "https://localhost:9"])
def test_our_own_page_is_known(origin):
    assert LOCAL.is_from_us(origin, "localhost:9")


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "http://localhost", "http://localhost:8", "http://127.0.0.1:9", "null", "", "file://",
     "ws://localhost:9", "http://localhost:9/x", "http://evil@localhost:9", "http://localhost:9.evil.example", "http://["],
)  # fmt: skip
def test_any_other_page_is_not(origin):
    assert not LOCAL.is_from_us(origin, "localhost:9")


@given(st.text(max_size=40))
def test_no_origin_breaks_the_gate(text):
    assert not LOCAL.is_from_us(text, "localhost:9") or text.endswith("//localhost:9")


def test_only_loopback_is_reached_by_this_machine_alone():
    assert all(is_loopback(host) for host in ("127.0.0.1", "localhost", "::1"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "192.0.2.7", "box.lan"))
