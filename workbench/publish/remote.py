"""The Hub as the workbench sees it: one repository's state, and each failure as one sentence."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import huggingface_hub
from httpx2 import HTTPError
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

from workbench.errors import DataError, OutsideError, UsageError
from workbench.publish.content import Content
from workbench.publish.facts import CARD, CURATION
from workbench.text import show

KIND = "dataset"

_TOKEN = re.compile(r"hf_\w{6,}")
_REFUSALS = {
    401: ("the Hub refused the token", "run: hf auth login, or set HF_TOKEN to a valid token"),
    403: ("the token has no right to do this", "use a token that may write to this repository"),
    404: ("the Hub has no such repository or revision", "check the name, and whether the token may see it"),
    412: ("the repository has changed since it was read", "push again: it starts from the new state"),
    413: ("the Hub finds the request too large", "shorten the card"),
    429: ("the Hub asks to slow down", "wait some minutes, then push again: it goes on where it stopped"),
}


class LostAnswerError(OutsideError):
    """The Hub may or may not have done what it was asked."""


@dataclass(frozen=True)
class Token:
    """An access token that no repr shows."""

    value: str = field(repr=False)


@dataclass(frozen=True)
class Repository:
    """A repository's name and the way to it; the token inside never shows."""

    name: str
    api: HfApi = field(repr=False)


@dataclass(frozen=True)
class RemoteFile:
    """What the Hub says about a file: sha256 of a large one, git's own digest of a small one."""

    size: int
    blob: str
    sha256: str | None

    def holds(self, content: Content) -> bool:
        """Tell whether the file has exactly this content."""
        if content.size != self.size:
            return False
        return content.sha256 == self.sha256 if self.sha256 else content.git_name() == self.blob


@dataclass(frozen=True)
class Remote:
    """One commit of a repository, or `head=None` where there is no repository yet."""

    head: str | None = None
    private: bool = True
    files: Mapping[str, RemoteFile] = field(default_factory=dict)
    card: str = ""
    curation: Mapping[str, Any] | None = None


def find_token() -> Token | None:
    """Return the token that huggingface_hub knows, if any."""
    token = huggingface_hub.get_token()
    return Token(token) if token else None


def read_token() -> Token:
    """Return the token that huggingface_hub knows; raise OutsideError where there is none."""
    token = find_token()
    if token is None:
        raise OutsideError("no Hugging Face token was found", "run: hf auth login, or set HF_TOKEN")
    return token


def open_repository(name: str, token: Token | None, *, endpoint: str | None = None) -> Repository:
    """Return the way to `owner/name`; `endpoint` defaults to HF_ENDPOINT or the Hub itself."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name, re.ASCII):
        raise UsageError(f"{name!r} is not a repository name", "write it as OWNER/NAME")
    return Repository(name, HfApi(endpoint=endpoint, token=token.value if token else False))


def look(repository: Repository, revision: str | None = None) -> Remote:
    """Read a commit (the head by default): its files, its card and its curation.json."""
    api, name = repository.api, repository.name
    with answering(f"reading {name!r}"):
        try:
            info = api.dataset_info(name, revision=revision, files_metadata=True)
        except RepositoryNotFoundError:
            return Remote()
    files = {file.rfilename: _remote_file(file) for file in info.siblings or ()}
    card, known = (read_file(repository, path, info.sha) if path in files else b"" for path in (CARD, CURATION))
    return Remote(info.sha, bool(info.private), files, _text(card), _known(known))


def read_file(repository: Repository, path: str, revision: str | None) -> bytes:
    """Download one small file, past any cache."""
    with tempfile.TemporaryDirectory() as folder, answering(f"reading {path} of {repository.name!r}"):
        local = repository.api.hf_hub_download(
            repository.name, path, repo_type=KIND, revision=revision, local_dir=folder
        )
        return Path(local).read_bytes()


def tags(repository: Repository) -> dict[str, str]:
    """Return each tag with the commit that it names."""
    with answering(f"reading the tags of {repository.name!r}"):
        refs = repository.api.list_repo_refs(repository.name, repo_type=KIND)
    return {tag.name: tag.target_commit for tag in refs.tags}


@contextmanager
def answering(doing: str) -> Iterator[None]:
    """Turn every failure of the Hub or of the way to it into one sentence, without bars on the screen."""
    try:
        with _no_bars():
            yield
    except HFValidationError as error:
        raise UsageError(f"the Hub cannot take a name: {_safe(error)}", "write it as OWNER/NAME") from error
    except HfHubHTTPError as error:
        raise _refusal(doing, error) from error
    except ValueError as error:
        raise OutsideError(f"the Hub refused while {doing}: {_safe(error)}", "correct it, then push again") from error
    except (HTTPError, OSError, RuntimeError) as error:
        hint = "check the network and HF_ENDPOINT, then try again"
        raise LostAnswerError(f"the Hub could not be reached while {doing}: {_safe(error)}", hint) from error


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
    status = error.response.status_code
    if status in _REFUSALS:
        what, hint = _REFUSALS[status]
        return OutsideError(f"{what} (HTTP {status}, while {doing})", hint)
    if status >= 500:
        return LostAnswerError(f"the Hub failed while {doing} (HTTP {status})", "try again in a minute")
    said = _safe(error.server_message or error)
    return OutsideError(f"the Hub refused while {doing} (HTTP {status}): {said}", "")


def _safe(error: object) -> str:
    """Return the first line of a message from outside, without anything that looks like a token."""
    first = str(error).strip().partition("\n")[0] or type(error).__name__
    return show(_TOKEN.sub("hf_***", first), limit=200)


def _remote_file(file: huggingface_hub.hf_api.RepoSibling) -> RemoteFile:
    return RemoteFile(file.size or 0, file.blob_id or "", file.lfs.sha256 if file.lfs else None)


def _text(card: bytes) -> str:
    try:
        return card.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError("the card on the Hub is not UTF-8", "repair README.md there") from error


def _known(curation: bytes) -> Mapping[str, Any] | None:
    try:
        known = json.loads(curation) if curation else None
    except ValueError:
        return None
    return known if isinstance(known, dict) else None
