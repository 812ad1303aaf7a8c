"""The Hub as the workbench sees it: one repository's state, read and never changed."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import huggingface_hub
from huggingface_hub import HfApi
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

from workbench.errors import DataError, OutsideError, UsageError
from workbench.publish.content import Content
from workbench.publish.facts import CARD, CURATION, DataFile
from workbench.publish.patience import patiently
from workbench.publish.refusals import answering
from workbench.publish.rights import fault_of
from workbench.publish.transfer import Watch, bar_for
from workbench.text import show

Kind = Literal["dataset", "model"]
"""What a repository holds, in the Hub's own words: records, or an adapter."""

_ADDRESSES: dict[Kind, str] = {"dataset": "datasets/", "model": ""}


_LARGEST_TEXT = 20_000_000
"""Bytes of a card or a curation.json that are read into memory."""


@dataclass(frozen=True)
class Token:
    """An access token that no repr shows."""

    value: str = field(repr=False)


@dataclass(frozen=True)
class Repository:
    """A repository's name and the way to it; the token inside never shows."""

    name: str
    api: HfApi = field(repr=False)
    kind: Kind = "dataset"

    def address(self, revision: str) -> str:
        """Return where a browser finds a revision."""
        return f"{self.api.endpoint}/{_ADDRESSES[self.kind]}{self.name}/tree/{revision}"


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

    def may_be(self, listed: DataFile) -> bool:
        """Tell whether the file is what a curation.json lists, as far as the Hub's own word goes."""
        return self.size == listed.size and self.sha256 in (None, listed.sha256)


@dataclass(frozen=True)
class Remote:
    """One commit of a repository, or `head=None` where there is no repository yet."""

    head: str | None = None
    private: bool = True
    files: Mapping[str, RemoteFile] = field(default_factory=dict)
    card: str = ""
    curation: Mapping[str, Any] | None = None


_ADDRESS = re.compile(r"https?://[^/]+/(?:datasets/|models/)?([\w.-]+/[\w.-]+)/?", re.ASCII)
"""The address of a repository in a browser."""


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


def open_repository(
    name: str, token: Token | None, *, kind: Kind = "dataset", endpoint: str | None = None
) -> Repository:
    """Return the way to `owner/name`; `endpoint` defaults to HF_ENDPOINT or the Hub itself."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name, re.ASCII):
        meant = _ADDRESS.fullmatch(name)
        hint = f"write it as OWNER/NAME: {meant[1]}" if meant else "write it as OWNER/NAME, as in me/quiz"
        raise UsageError(f"{name!r} is not a repository name", hint)
    return Repository(name, HfApi(endpoint=endpoint, token=token.value if token else False), kind)


def check_may_write(repository: Repository) -> None:
    """Raise OutsideError for a token that may not write to a repository, before anything is made or sent."""
    fault = fault_of(patiently(partial(_whoami, repository)), repository.name, repository.kind)
    if fault:
        hint = "make one that may write there, and log in with it: huggingface.co/settings/tokens, hf auth login"
        raise OutsideError(f"{fault}, so nothing can be sent to {repository.name!r}", hint)


def _whoami(repository: Repository) -> dict[str, Any]:
    with answering("asking whose token this is"):
        return repository.api.whoami()


def look(repository: Repository, revision: str | None = None) -> Remote:
    """Read a commit (the head by default): its files, its card and its curation.json.

    `Remote()` stands for a repository that is not there, or that the token may not see: the Hub does not tell which.
    """
    return patiently(partial(_look, repository, revision))


def _look(repository: Repository, revision: str | None) -> Remote:
    api, name = repository.api, repository.name
    with answering(f"reading {name!r}"):
        try:
            info = (api.model_info if repository.kind == "model" else api.dataset_info)(
                name, revision=revision, files_metadata=True
            )
        except GatedRepoError:
            raise
        except RepositoryNotFoundError:
            return Remote()
        except HfHubHTTPError as error:
            # To nobody's question after what is private or missing the Hub answers so; of a Hub that is not reached by
            # HTTPS the client library does not know it.
            if error.response.status_code == 401 and api.token is False:
                return Remote()
            raise
    files = {file.rfilename: _remote_file(file) for file in info.siblings or ()}
    for path in (CARD, CURATION):
        if path in files and files[path].size > _LARGEST_TEXT:
            raise DataError(f"{path} of {name!r} is too large to be read", "this is not how the workbench writes it")
    card, known = (read_file(repository, path, info.sha) if path in files else b"" for path in (CARD, CURATION))
    return Remote(info.sha, bool(info.private), files, _text(card), _known(known))


def read_file(repository: Repository, path: str, revision: str | None) -> bytes:
    """Download one small file, past any cache."""
    with tempfile.TemporaryDirectory() as folder:
        return fetch(repository, path, revision, Path(folder)).read_bytes()


def fetch(repository: Repository, path: str, revision: str | None, folder: Path, watch: Watch | None = None) -> Path:
    """Download one file below a folder of our own, past any cache, and return where it lies; `watch` is told bytes."""
    bar = bar_for(watch) if watch is not None else None
    with answering(f"reading {show(path)} of {repository.name!r}"):
        kind = repository.kind
        return Path(
            # A cache that holds this commit already would answer in place of the Hub.
            repository.api.hf_hub_download(
                repository.name,
                path,
                repo_type=kind,
                revision=revision,
                local_dir=folder,
                cache_dir=folder,
                tqdm_class=bar,
            )
        )


def tags(repository: Repository) -> dict[str, str]:
    """Return each tag with the commit that it names."""
    refs = patiently(partial(_refs, repository))
    return {tag.name: tag.target_commit for tag in refs.tags}


def _refs(repository: Repository) -> huggingface_hub.hf_api.GitRefs:
    with answering(f"reading the tags of {repository.name!r}"):
        return repository.api.list_repo_refs(repository.name, repo_type=repository.kind)


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
    except (ValueError, RecursionError):
        return None
    return known if isinstance(known, dict) else None
