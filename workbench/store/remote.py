"""Objects kept beyond this disk too: at an address of any store that fsspec reaches, under the names they have here."""

from __future__ import annotations

import json
import os
import re
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import CorruptionError, OutsideError, UsageError
from workbench.workspace import Workspace, private, sync_folder, write_text

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_NAME = re.compile(r"[0-9a-f]{64}\.(?:raw|parquet)")
_OWNER = "owner"
"""File beside the objects that names the workspace they are of."""
_DRAFTS = "tmp"
"""Folder beside the objects for files on their way in."""
_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss"})
"""Stores that show a file only when all of it was taken: no draft is needed, and renaming would copy the bytes."""
_FLEETING = frozenset({"memory", "http", "https", "data"})
"""Places that forget, or that nothing can be written to."""
_LOCAL = frozenset({"file", "local"})
_LOGIN = re.compile(r"^[^/@]*:[^/@]*@")
_LOGIN_ANYWHERE = re.compile(r"//[^/@\s]*:[^/@\s]*@")
_SECRET_VARIABLE = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|CREDENTIAL|CONNECTION_STRING|SAS")
_SHORTEST_SECRET = 6
_TOLD = 300
"""Characters of another package's message that are told."""


_CLIENTS = {
    "botocore.exceptions": ("BotoCoreError", "ClientError"),
    "aiohttp": ("ClientError",),
    "gcsfs.retry": ("HttpError",),
    "google.auth.exceptions": ("GoogleAuthError",),
    "azure.core.exceptions": ("AzureError",),
    "oss2.exceptions": ("OssError",),
    "paramiko.ssh_exception": ("SSHException",),
    "smbprotocol.exceptions": ("SMBException",),
    "ftplib": ("Error",),
    "httpx": ("HTTPError",),
}
"""Errors of the stores' clients by their modules. fsspec asks for OSError, and most of what they raise is turned into
it; a login that fails, and a wire that breaks, is not. A bad endpoint in the environment is a ValueError, a store that
takes nothing a NotImplementedError, a server that hangs up an EOFError."""


@dataclass(frozen=True)
class Remote:
    """A store behind an address; how to log in is the environment's business, as the store's own client reads it."""

    address: str
    owner: str
    """The workspace whose objects these are, by a random name: a purge goes through all that lies there."""

    @cached_property
    def _opened(self) -> tuple[AbstractFileSystem, str]:
        from fsspec.core import url_to_fs

        try:
            # What another process put or removed meanwhile must be seen, so no listing is kept.
            system, root = url_to_fs(self.address, skip_instance_cache=True, use_listings_cache=False)
        except (ImportError, ValueError) as error:  # a package that is not installed, a store that nobody knows
            hint = "pip install 'workbench[scale]' brings S3; for another store, the fsspec package that it names"
            raise UsageError(f"{self.address!r} cannot be reached: {without_credentials(str(error))}", hint) from error
        except _client_errors() as error:  # some clients log in as they are made
            raise self._failure("answer", error) from error
        return system, root.rstrip("/")

    @property
    def _protocol(self) -> str:
        return self.address.partition("://")[0]

    def put(self, path: Path, name: str) -> None:
        """Keep a file under an object's name; all of it is acknowledged when this returns.

        What lies there under the name with as many bytes counts as the object: a name says what the bytes are.
        """
        self._refuse_another_place()
        self._put(path, name)

    def _refuse_another_place(self) -> None:
        """Raise OutsideError where other objects than this workspace's lie, or none: a share may be unmounted."""
        said = self._known if self._protocol in _WHOLE else self._told_owner()
        if said != self.owner:
            raise OutsideError(f"at {self.address!r} lie the objects of another workspace", "is it the right place?")

    @cached_property
    def _known(self) -> str:
        return self._told_owner()

    def _told_owner(self) -> str:
        system, root = self._opened
        with self._reached("say whose objects it holds"):
            return str(system.cat_file(f"{root}/{_OWNER}"), "ascii", "replace")

    def _put(self, path: Path, name: str) -> None:
        size = path.stat().st_size
        if self.holds(name, size):
            return
        with self._reached(f"take object {name}"):
            self._send(path, name)
        if not self.holds(name, size):
            what = f"{self.address!r} acknowledged object {name}, but does not hold its {size} bytes"
            raise OutsideError(what, "run the command again; nothing was committed")

    def holds(self, name: str, size: int) -> bool:
        """Return whether an object of so many bytes is there."""
        system, root = self._opened
        with self._reached(f"say whether it holds object {name}"):
            try:
                return bool(system.info(f"{root}/{name}")["size"] == size)
            except FileNotFoundError:
                return False

    def fetch(self, name: str, target: Path) -> bool:
        """Write an object's bytes to a file, whatever they are; False where there is no such object."""
        if self._fetched(name, target):
            return True
        self._refuse_another_place()  # a share that is not mounted lacks nothing
        return False

    def _fetched(self, name: str, target: Path) -> bool:
        system, root = self._opened
        with self._reached(f"give object {name}"):
            try:
                system.get_file(f"{root}/{name}", str(target))
            except FileNotFoundError:
                return False
        return True

    def names(self) -> list[str]:
        """Return the names of all objects there, in order."""
        self._refuse_another_place()
        system, root = self._opened
        with self._reached("list its objects"):
            listed = system.ls(root, detail=False)
        return sorted(name for path in listed if _NAME.fullmatch(name := path.rpartition("/")[2]))

    def remove(self, name: str) -> None:
        """Remove an object for good, as far as the store removes anything: one that keeps old versions does not."""
        system, root = self._opened
        with self._reached(f"remove object {name}"), suppress(FileNotFoundError):
            system.rm_file(f"{root}/{name}")

    def clear(self) -> None:
        """Remove files that killed processes left on their way in."""
        system, root = self._opened
        with self._reached("remove its drafts"), suppress(FileNotFoundError):
            for path in system.ls(f"{root}/{_DRAFTS}", detail=False):
                system.rm_file(path)

    def claim(self, scratch: Path) -> None:
        """Write down there whose objects these are, and read it back.

        UsageError where they are another workspace's, OutsideError where a file cannot be put there or comes back as
        another.
        """
        path = scratch / uuid.uuid4().hex
        try:
            if not self._fetched(_OWNER, private(path)):
                path.write_text(self.owner, encoding="ascii")
                self._put(path, _OWNER)
                self._fetched(_OWNER, path)
            said = path.read_bytes()
        finally:
            path.unlink(missing_ok=True)
        if said != self.owner.encode():
            hint = f"give each workspace an address of its own, or remove the file {_OWNER!r} there if none uses it"
            raise UsageError(f"at {self.address!r} lie the objects of another workspace", hint)

    def _send(self, path: Path, name: str) -> None:
        system, root = self._opened
        target = f"{root}/{name}"
        if self._protocol in _WHOLE:
            system.put_file(str(path), target)
            return
        system.makedirs(f"{root}/{_DRAFTS}", exist_ok=True)
        draft = f"{root}/{_DRAFTS}/{uuid.uuid4().hex}"
        system.put_file(str(path), draft)
        if self._protocol in _LOCAL:
            _synced(Path(draft))
        system.mv(draft, target)
        if self._protocol in _LOCAL:
            sync_folder(Path(root))

    @contextmanager
    def _reached(self, doing: str) -> Iterator[None]:
        """Turn what a store's client raises into one message that names the store and holds no credentials."""
        try:
            yield
        except _client_errors() as error:
            raise self._failure(doing, error) from error

    def _failure(self, doing: str, error: Exception) -> OutsideError:
        told = without_credentials(f"{type(error).__name__}: {error}")
        hint = "is it there, and do the environment's credentials allow it? then run the command again"
        return OutsideError(f"{self.address!r} does not {doing}: {told}", hint)


def _client_errors() -> tuple[type[Exception], ...]:
    """Return what the clients that are loaded in this process raise of a store; anything else is a bug of ours."""
    loaded = ((sys.modules.get(module), names) for module, names in _CLIENTS.items())
    own = (getattr(module, name) for module, names in loaded for name in names if hasattr(module, name))
    return (OSError, ValueError, NotImplementedError, EOFError, *own)


def remote_of(workspace: Workspace) -> Remote | None:
    """Return where a workspace keeps its objects besides, None where that is nowhere.

    A setting that cannot be read is a CorruptionError: taken for none, new objects would stay on this disk alone.
    """
    try:
        said = json.loads(workspace.remote.read_text(encoding="utf-8"))
        return Remote(checked(said["objects"]), str(said["owner"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "remove that file, then: workbench init DIR --objects ADDRESS"
        raise CorruptionError(f"{str(workspace.remote)!r} does not say where objects are kept", hint) from error


def settle(workspace: Workspace, remote: Remote) -> None:
    """Write down where a workspace keeps its objects from now on."""
    write_text(
        workspace.remote, json.dumps({"objects": remote.address, "owner": remote.owner}, ensure_ascii=False) + "\n"
    )


def checked(address: str) -> str:
    """Return an address that can be written down; UsageError for one that is none, or that holds credentials."""
    protocol, mark, rest = address.strip().partition("://")
    if not mark or not protocol or not rest.strip("/"):
        raise UsageError(
            f"{without_credentials(address)!r} is no address of a store", "for example: s3://bucket/prefix"
        )
    if _LOGIN.match(rest) or "?" in rest or "::" in address:
        hint = "the environment holds them, for S3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL"
        raise UsageError("an address is kept in a file, so it holds neither credentials nor options", hint)
    if protocol in _LOCAL and not rest.startswith("/"):
        raise UsageError(f"{address!r} depends on the folder one stands in", f"give all of the path: {protocol}:///...")
    if protocol in _FLEETING:
        raise UsageError(f"{protocol}:// keeps nothing that is put there", "for example: s3://bucket/prefix")
    return f"{protocol}://{rest.rstrip('/')}"


def without_credentials(message: str) -> str:
    """Return another package's message as one line, cut, with its secrets hidden."""
    cut = " ".join(secrets_hidden(message).split())
    return cut if len(cut) <= _TOLD else f"{cut[:_TOLD]}..."


def secrets_hidden(text: str) -> str:
    """Return a text with the environment's secrets, logins in addresses and all known kinds of secrets masked."""
    from workbench.curation.flags.credentials import masked

    for variable, value in os.environ.items():
        if len(value) >= _SHORTEST_SECRET and _SECRET_VARIABLE.search(variable.upper()):
            text = text.replace(value, "***")
    return masked(_LOGIN_ANYWHERE.sub("//***@", text))


def _synced(path: Path) -> None:
    """Make a file's bytes last through a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
