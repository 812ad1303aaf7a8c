"""Every failure of the Hub, or of the way to it, as one sentence with what to do next and never with a token."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import EACCES, EDQUOT, ENOSPC, EPERM, EROFS

from httpx2 import Client, ConnectError, HTTPError, Response, Timeout
from huggingface_hub import get_session, get_token
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
from huggingface_hub.utils import (  # type: ignore[attr-defined] # loaded on first use, which types do not show
    hf_raise_for_status,
    parse_ratelimit_headers,
)
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

from workbench.errors import OutsideError, UsageError, WorkbenchError
from workbench.publish.pausing import wait
from workbench.text import show

PATIENCE = Timeout(120, connect=10)
"""Seconds that the Hub may keep silent in the middle of a call; the client library itself would wait for ever."""
LONGEST_PAUSE = 300.0
"""Seconds that are waited at most where the Hub asks for a pause; it counts calls in windows of five minutes."""
_PAUSES = ("retry-after", "ratelimit")
"""Headers that ask for a pause."""
_TOKEN = re.compile(r"(?:hf|api_org)_[\w.-]{6,}")
_LONGEST = 300
"""Characters of a message from outside that are told."""
_FULL = frozenset({ENOSPC, EDQUOT, EROFS, EACCES, EPERM})
"""What this machine's own disk answers; no way to the Hub does."""
_REFUSALS = {
    401: ("the Hub refused the token", "run: hf auth login, or set HF_TOKEN to a valid token"),
    402: ("the Hub asks to be paid for this", "see the plan of that account on the Hub, or push under another one"),
    403: ("the Hub does not allow this", "use a token that may write to this repository, of an account with room left"),
    404: ("the Hub has no such repository or revision", "check the name, and whether the token may see it"),
    412: ("the repository has changed since it was read", "push again: it starts from the new state"),
    413: ("the Hub finds the request too large", "shorten the card"),
    429: ("the Hub asks to slow down", "wait some minutes, then push again: it goes on where it stopped"),
}


class LostAnswerError(OutsideError):
    """The Hub may or may not have done what it was asked; asked again, it may answer."""

    wait: float | None = None
    """Seconds that the Hub asks to wait; None where it names none."""


@contextmanager
def answering(doing: str) -> Iterator[None]:
    """Turn every failure of the Hub or of the way to it into one sentence, without bars on the screen.

    Raises LostAnswerError where the Hub may have done what it was asked, other OutsideErrors where it did not.
    """
    try:
        # Asked anew each time: the library closes its client after some failures and makes another one.
        _hurried(get_session())
        with _no_bars():
            yield
    except HFValidationError as error:
        raise UsageError(f"the Hub cannot take a name: {_safe(error)}", "write it as OWNER/NAME") from error
    except (HTTPError, OSError, RuntimeError, ValueError) as error:
        own = next((cause for cause in _causes(error) if isinstance(cause, WorkbenchError)), None)
        # Who watches a transfer may end it: the library wraps that as a failure of its own.
        raise own or _told(doing, error) from error


def _hurried(client: Client) -> None:
    """Let a client of the library wait for an answer no longer than we do."""
    client.timeout = PATIENCE
    hooks = client.event_hooks
    if _keep_pause not in hooks["response"]:
        client.event_hooks = {**hooks, "response": [*hooks["response"], _keep_pause]}


def _keep_pause(answer: Response) -> None:
    """Wait as long as the Hub asks; raise its answer where that is too long.

    By itself the library would sleep as long as it is asked, say nothing, and end for nobody.
    """
    asked = _asked_pause(answer.headers) if _is_for_now(answer.status_code) else None
    if asked is None:
        return
    if asked > LONGEST_PAUSE:
        answer.read()
        hf_raise_for_status(answer)
    wait(asked, "the Hub asks for a pause")
    for name in _PAUSES:  # kept: nobody need keep it once more
        answer.headers.pop(name, None)


def _is_for_now(status: int) -> bool:
    """Return whether the same call may be answered otherwise later."""
    return status in (408, 429) or status >= 500


def _told(doing: str, error: Exception) -> OutsideError:
    """Return what a failure means; the client library wraps the Hub's answer in errors of its own."""
    causes = list(_causes(error))
    refused = next((cause for cause in causes if isinstance(cause, HfHubHTTPError)), None)
    if refused is not None:
        return _refusal(doing, refused)
    disk = next((cause for cause in causes if isinstance(cause, OSError) and cause.errno in _FULL), None)
    if disk is not None:
        what = f"this machine could not keep a file while {doing}: {_safe(disk.strerror)}"
        return OutsideError(what, "check the free space and the rights of the workspace, then try again")
    if isinstance(error, ValueError):
        return OutsideError(f"the Hub refused while {doing}: {_safe(error)}", "correct it, then try again")
    if any(isinstance(cause, OfflineModeIsEnabled) for cause in causes):
        what = f"nothing was sent while {doing}: this machine is set to stay offline (HF_HUB_OFFLINE)"
        return OutsideError(what, "unset HF_HUB_OFFLINE, then try again")
    # The innermost cause says what happened; what the library wraps around it speaks of its cache.
    what, hint = f"the Hub could not be reached while {doing}: {_safe(causes[-1])}", "check the network and HF_ENDPOINT"
    if any(isinstance(cause, ConnectError) for cause in causes):
        return OutsideError(what, hint)
    return LostAnswerError(what, f"{hint}, then try again")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


@contextmanager
def _no_bars() -> Iterator[None]:
    silent = bool(are_progress_bars_disabled())
    disable_progress_bars()
    try:
        yield
    finally:
        if not silent:
            enable_progress_bars()


def _refusal(doing: str, error: HfHubHTTPError) -> OutsideError:
    if isinstance(error, GatedRepoError):
        hint = "ask for access on its page, then try again with the token of that account"
        return OutsideError(f"the repository asks for consent first (while {doing})", hint)
    status = error.response.status_code
    if status in _REFUSALS:
        what, hint = _REFUSALS[status]
        # A full quota has the status of a missing right: only the Hub's own words tell them apart.
        said = f": {_safe(error.server_message)}" if error.server_message else ""
        told = f"{what} (HTTP {status}, while {doing}){said}"
        return _may_answer(told, hint, error) if status == 429 else OutsideError(told, hint)
    if _is_for_now(status):
        return _may_answer(f"the Hub failed while {doing} (HTTP {status})", "try again in a minute", error)
    said = _safe(error.server_message or error)
    return OutsideError(f"the Hub refused while {doing} (HTTP {status}): {said}", "correct it, then try again")


def _may_answer(what: str, hint: str, error: HfHubHTTPError) -> LostAnswerError:
    lost = LostAnswerError(what, hint)
    lost.wait = _asked_pause(error.response.headers)
    return lost


def _asked_pause(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the Hub asks to wait: as HTTP says it, or as its limit of calls a window does.

    The second is `RateLimit: "api";r=0;t=55`, of an IETF draft (httpapi-ratelimit-headers-09); every answer has it.
    Where both are there the longer one counts.
    """
    window, named = parse_ratelimit_headers(headers), headers.get("retry-after", "")
    asked = [float(named)] if named.isdecimal() else []
    if window is not None and window.remaining == 0:
        asked.append(float(window.reset_in_seconds))
    return max(asked, default=None)


def _safe(error: object) -> str:
    """Return a message from outside as one line, without anything that looks like a token."""
    line = " ".join(str(error).split()) or type(error).__name__
    # The token of this very call, whatever it looks like, then anything that looks like one.
    token = get_token()
    known = line.replace(token, "hf_***") if token else line
    return show(_TOKEN.sub("hf_***", known), limit=_LONGEST)
