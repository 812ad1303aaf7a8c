"""What the Hub of the tests answers: one small function a call, and the table of calls at the end."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote

import yaml

from tests.hub_xet import held, names
from workbench.publish.licenses import LICENSES

LARGE = (".parquet", ".arrow", ".bin", ".safetensors")
OTHER_TOKEN = "hf_TheTokenOfSomebodyElse"
Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Commit:
    """A snapshot of all files."""

    files: Files
    parent: str | None
    message: str


@dataclass
class Repository:
    """Commits by name, one branch, tags."""

    private: bool
    kind: str = "datasets"
    commits: dict[str, Commit] = field(default_factory=dict)
    head: str = ""
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, files: Files, message: str) -> str:
        """Add a commit on top of the head and return its name."""
        name = sha1(f"{len(self.commits)} {self.head} {message}".encode())
        self.commits[name] = Commit(dict(files), self.head or None, message)
        self.head = name
        return name

    def at(self, revision: str) -> str:
        """Return the commit that a branch, tag or commit names."""
        short = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        name = self.head if short == "main" else self.tags.get(short, short)
        if name not in self.commits:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return name


@dataclass(frozen=True)
class Request:
    """One call as it came in."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What goes back; `status=0` cuts the line without an answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """An answer with an error status."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        """Keep what the client library looks for in the headers."""
        super().__init__(message)
        headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
        self.reply = Reply(status, json.dumps({"error": message}).encode(), headers)


@dataclass
class State:
    """All that the Hub knows."""

    url: str
    token: str
    cas: Path | None = None
    """Folder in which hf_xet keeps what it is sent; None: this Hub knows nothing of Xet."""
    role: str = "write"
    rights: list[dict[str, Any]] | None = None
    """What a fine-grained token may do; None for a token of another kind."""
    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)

    def repository(self, name: str) -> Repository:
        """Return a repository or refuse as the Hub does."""
        if name not in self.repositories:
            raise Refusal(404, "Repository not found", "RepoNotFound")
        return self.repositories[name]


def answer(hub: State, request: Request) -> Reply:
    """Do what a call asks, by the table at the end."""
    try:
        for method, pattern, handler in ROUTES:
            found = re.fullmatch(pattern, request.path)
            if found and request.method in method.split():
                groups = {name: unquote(value) for name, value in found.groupdict(default="").items()}
                _check_token(hub, request, groups.get("repo"))
                return handler(hub, request, **groups)
    except Refusal as refusal:
        return refusal.reply
    return Refusal(404, f"no such call: {request.path}", "EntryNotFound").reply


def _check_token(hub: State, request: Request, repo: str | None) -> None:
    """Refuse as the Hub does: a token it does not know anywhere, and nobody's call to what only some may see."""
    shown = request.headers.get("authorization")
    if request.path.startswith(("/lfs/", "/cdn/")):
        return  # addresses of the storage service are signed and ask for no token
    if shown not in (None, f"Bearer {hub.token}", f"Bearer {OTHER_TOKEN}"):
        raise Refusal(401, "Invalid credentials in Authorization header")
    writes = request.method not in ("GET", "HEAD")
    there = hub.repositories.get(repo) if repo is not None else None
    if there is not None and there.private and shown == f"Bearer {OTHER_TOKEN}":
        raise Refusal(404, "Repository not found", "RepoNotFound")  # the Hub does not even say that it is there
    hidden = repo is not None and (there is None or there.private)
    if shown is None and (writes or hidden or request.path == "/api/whoami-v2"):
        raise Refusal(401, "Invalid username or password.")


def _whoami(hub: State, request: Request) -> Reply:
    token: dict[str, Any] = {"displayName": "tests", "role": hub.role}
    if hub.rights is not None:
        token |= {"role": "fineGrained", "fineGrained": {"global": ["post.write"], "scoped": hub.rights}}
    return _json({"type": "user", "name": "me", "orgs": [], "auth": {"accessToken": token}})


def _create(hub: State, request: Request) -> Reply:
    asked = request.json()
    name = f"{asked['organization']}/{asked['name']}"
    kind = f"{asked.get('type', 'model')}s"
    url = f"{hub.url}/{'datasets/' if kind == 'datasets' else ''}{name}"
    if name in hub.repositories:
        said = f"You already created this {asked.get('type', 'model')} repo"
        return Reply(409, json.dumps({"error": said, "url": url}).encode())
    private = asked.get("visibility") == "private" or bool(asked.get("private"))
    hub.repositories[name] = Repository(private=private, kind=kind)
    hub.repositories[name].commit({".gitattributes": b"*.parquet filter=lfs\n"}, "initial commit")
    return _json({"url": url, "id": name, "name": name})


def _validate(hub: State, request: Request) -> Reply:
    """Check the front matter of a card, of which this Hub knows one rule: a licence is one of its list, or a few."""
    found = re.match(r"---\n(.*?)\n---", request.json()["content"], re.DOTALL)
    named = yaml.safe_load(found[1]).get("license") if found else None
    wrong = [one for one in (named if isinstance(named, list) else [named]) if one and one not in LICENSES]
    if not wrong:
        return _json({"errors": [], "warnings": []})
    errors = [{"message": f'"license" must be one of the list, not {one}'} for one in wrong]
    return Reply(400, json.dumps({"errors": errors, "warnings": []}).encode(), {"Content-Type": "application/json"})


def _info(hub: State, request: Request, repo: str, revision: str = "main") -> Reply:
    known = hub.repository(repo)
    name = known.at(revision or "main")
    files = known.commits[name].files
    whole = "blobs" in request.query
    siblings = [_sibling(path, content) if whole else {"rfilename": path} for path, content in files.items()]
    told = {"id": repo, "author": repo.partition("/")[0], "sha": name, "private": known.private, "gated": False}
    return _json(told | {"disabled": False, "tags": [], "siblings": siblings})


def _xet(hub: State, request: Request, repo: str, revision: str = "main") -> Reply:
    """Answer with the folder in place of a storage service: hf_xet takes `local://` for tests of its own."""
    hub.repository(repo)
    if hub.cas is None:
        raise Refusal(404, "no Xet here", "EntryNotFound")
    access = {"casUrl": f"local://{hub.cas}", "exp": 4_000_000_000, "accessToken": "of-the-tests"}
    headers = {"X-Xet-Cas-Url": access["casUrl"], "X-Xet-Access-Token": "of-the-tests"}
    reply = _json(access)
    return Reply(200, reply.body, {**reply.headers, **headers, "X-Xet-Token-Expiration": "4000000000"})


def _sibling(path: str, content: bytes) -> dict[str, Any]:
    entry = _entry(path, content)
    lfs = {"lfs": {**entry["lfs"], "sha256": entry["lfs"]["oid"]}} if "lfs" in entry else {}
    return {"rfilename": path, "size": len(content), "blobId": entry["oid"], **lfs}


def _refs(hub: State, request: Request, repo: str) -> Reply:
    known = hub.repository(repo)
    tags = [_ref(f"refs/tags/{name}", commit) for name, commit in known.tags.items()]
    return _json({"branches": [_ref("refs/heads/main", known.head)], "converts": [], "tags": tags})


def _ref(ref: str, commit: str) -> dict[str, str]:
    return {"name": ref.rsplit("/", 1)[1], "ref": ref, "targetCommit": commit}


def _preupload(hub: State, request: Request, repo: str, revision: str) -> Reply:
    known = hub.repository(repo)
    files = known.commits[known.at(revision)].files
    return _json({"files": [_mode(file["path"], file["size"], files) for file in request.json()["files"]]})


def _mode(path: str, size: int, files: Files) -> dict[str, Any]:
    oid = None if path not in files else sha256(files[path]) if path.endswith(LARGE) else git_name(files[path])
    mode = "lfs" if path.endswith(LARGE) or size > 10 << 20 else "regular"
    return {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid}


def _batch(hub: State, request: Request, repo: str) -> Reply:
    hub.repository(repo)
    return _json({"transfer": "basic", "objects": [_upload(hub, asked) for asked in request.json()["objects"]]})


def _upload(hub: State, asked: Mapping[str, Any]) -> dict[str, Any]:
    oid = asked["oid"]
    if oid in hub.objects:
        return {"oid": oid, "size": asked["size"]}
    actions = {"upload": {"href": f"{hub.url}/lfs/{oid}"}, "verify": {"href": f"{hub.url}/lfs/{oid}/verify"}}
    return {"oid": oid, "size": asked["size"], "actions": actions}


def _receive(hub: State, request: Request, oid: str) -> Reply:
    if sha256(request.body) != oid:
        raise Refusal(400, "hash mismatch")
    hub.objects[oid] = request.body
    return Reply(200, headers={"ETag": f'"{oid}"'})


def _received(hub: State, request: Request, oid: str) -> Reply:
    return _json({}) if oid in hub.objects else Refusal(404, "no such object").reply


def _commit(hub: State, request: Request, repo: str, revision: str) -> Reply:
    known = hub.repository(repo)
    header, *operations = (json.loads(line) for line in request.body.splitlines() if line.strip())
    if header["value"].get("parentCommit") not in (None, known.at(revision)):
        raise Refusal(412, "A commit has happened since. Please refresh and try again.")
    files = dict(known.commits[known.at(revision)].files)
    for operation in operations:
        OPERATIONS[operation["key"]](hub, files, operation["value"])
    name = known.commit(files, header["value"]["summary"])
    url = f"{hub.url}/{'datasets/' if known.kind == 'datasets' else ''}{repo}/commit/{name}"
    return _json({"success": True, "commitOid": name, "commitUrl": url, "hookOutput": ""})


def _add(hub: State, files: dict[str, bytes], value: Mapping[str, Any]) -> None:
    files[value["path"]] = base64.b64decode(value["content"])


def _add_large(hub: State, files: dict[str, bytes], value: Mapping[str, Any]) -> None:
    if value["oid"] not in hub.objects and hub.cas is not None:
        hub.objects |= held(hub.cas, value["oid"])
    if value["oid"] not in hub.objects:
        raise Refusal(400, f"no object {value['oid']}")
    files[value["path"]] = hub.objects[value["oid"]]


def _delete(hub: State, files: dict[str, bytes], value: Mapping[str, Any]) -> None:
    if files.pop(value["path"], None) is None:
        raise Refusal(404, "A file with this name doesn't exist", "EntryNotFound")


def _tag(hub: State, request: Request, repo: str, revision: str) -> Reply:
    known = hub.repository(repo)
    name = request.json()["tag"]
    if name in known.tags:
        raise Refusal(409, f"Tag reference exists already: refs/tags/{name}")
    known.tags[name] = known.at(revision)
    return _json({})


def _tree(hub: State, request: Request, repo: str, revision: str, path: str = "") -> Reply:
    known = hub.repository(repo)
    start = f"{path.rstrip('/')}/" if path else ""
    inside = {name: body for name, body in known.commits[known.at(revision)].files.items() if name.startswith(start)}
    if path and not inside:
        raise Refusal(404, "Entry not found", "EntryNotFound")
    deep = request.query.get("recursive", [""])[0].lower() in ("1", "true")
    files = [_entry(name, body) for name, body in inside.items() if deep or "/" not in name[len(start) :]]
    folders = sorted({start + name[len(start) :].split("/")[0] for name in inside if "/" in name[len(start) :]})
    return _json([*(_folder(name) for name in folders), *files])


def _folder(path: str) -> dict[str, Any]:
    return {"type": "directory", "path": path, "oid": sha1(path.encode()), "size": 0}


def _entry(path: str, content: bytes) -> dict[str, Any]:
    entry = {"type": "file", "path": path, "oid": git_name(content), "size": len(content)}
    if not path.endswith(LARGE):
        return entry
    return {**entry, "lfs": {"oid": sha256(content), "size": len(content), "pointerSize": 134}}


def _paths_info(hub: State, request: Request, repo: str, revision: str) -> Reply:
    known = hub.repository(repo)
    files = known.commits[known.at(revision)].files
    asked = parse_qs(request.body.decode()).get("paths", []) if b"=" in request.body else request.json()["paths"]
    return _json([_entry(path, files[path]) for path in asked if path in files])


def _resolve(hub: State, request: Request, repo: str, revision: str, path: str) -> Reply:
    known = hub.repository(repo)
    name = known.at(revision)
    content = known.commits[name].files.get(path)
    if content is None:
        raise Refusal(404, "Entry not found", "EntryNotFound")
    headers = _download_headers(path, content, name)
    if not path.endswith(LARGE):
        # A small file is answered by a cache of the same host, a large one by a storage service.
        return Reply(
            307, headers=headers | {"Location": f"/api/resolve-cache/{known.kind}/{repo}/{name}/{quote(path)}"}
        )
    if hub.cas is not None:
        refresh = f"{hub.url}/api/{known.kind}/{repo}/xet-read-token/{name}"
        headers |= {"X-Xet-Hash": names(hub.cas)[sha256(content)], "Link": f'<{refresh}>; rel="xet-auth"'}
    hub.objects[sha256(content)] = content
    # Another host than the Hub: a client must not show its token there.
    place = f"{hub.url.replace('127.0.0.1', 'localhost')}/cdn/{sha256(content)}"
    return Reply(302, headers=headers | {"Location": place})


def _resolved(hub: State, request: Request, repo: str, revision: str, path: str) -> Reply:
    """Answer with the bytes of a small file."""
    known = hub.repository(repo)
    name = known.at(revision)
    content = known.commits[name].files[path]
    return _bytes(content, request.headers.get("range", ""), _download_headers(path, content, name))


def _stored(hub: State, request: Request, oid: str) -> Reply:
    """Answer with the bytes of a large file, as a storage service does: it must never be shown the Hub's token."""
    if "authorization" in request.headers:
        raise Refusal(400, "Only one auth mechanism allowed")
    headers = {"ETag": f'"{oid}"', "Accept-Ranges": "bytes"}
    return _bytes(hub.objects[oid], request.headers.get("range", ""), headers)


def _download_headers(path: str, content: bytes, commit: str) -> dict[str, str]:
    large = path.endswith(LARGE)
    etag = f'"{sha256(content) if large else git_name(content)}"'
    headers = {"X-Repo-Commit": commit, "ETag": etag, "Accept-Ranges": "bytes"}
    return {**headers, "X-Linked-ETag": etag, "X-Linked-Size": str(len(content))} if large else headers


def _bytes(content: bytes, asked: str, headers: Mapping[str, str]) -> Reply:
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", asked)
    if found is None:
        return Reply(200, content, headers)
    first, last = int(found[1]), min(int(found[2] or len(content) - 1), len(content) - 1)
    span = {"Content-Range": f"bytes {first}-{last}/{len(content)}"}
    return Reply(206, content[first : last + 1], {**headers, **span})


def _json(value: object) -> Reply:
    return Reply(200, json.dumps(value).encode(), {"Content-Type": "application/json"})


def sha1(content: bytes) -> str:
    """Return the sha1 as hex."""
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def sha256(content: bytes) -> str:
    """Return the sha256 as hex."""
    return hashlib.sha256(content).hexdigest()


def git_name(content: bytes) -> str:
    """Return git's own digest of a file."""
    return sha1(b"blob %d\0" % len(content) + content)


OPERATIONS: dict[str, Callable[[State, dict[str, bytes], Mapping[str, Any]], None]] = {
    "file": _add,
    "lfsFile": _add_large,
    "deletedFile": _delete,
}

_API = r"/api/(?:datasets|models)/(?P<repo>[^/]+/[^/]+)"
_PAGE = r"/(?:datasets/)?(?P<repo>[^/]+/[^/]+)"
_REVISION = r"/(?P<revision>[^/]+)"
ROUTES: tuple[tuple[str, str, Callable[..., Reply]], ...] = (
    ("GET", r"/api/whoami-v2", _whoami),
    ("POST", r"/api/repos/create", _create),
    ("POST", r"/api/validate-yaml", _validate),
    ("GET", _API, _info),
    ("GET", _API + r"/revision" + _REVISION, _info),
    ("GET", _API + r"/refs", _refs),
    ("GET", _API + r"/xet-(?:write|read)-token" + _REVISION, _xet),
    ("POST", _API + r"/preupload" + _REVISION, _preupload),
    ("POST", _API + r"/commit" + _REVISION, _commit),
    ("POST", _API + r"/tag" + _REVISION, _tag),
    ("GET", _API + r"/tree" + _REVISION + r"(?:/(?P<path>.*))?", _tree),
    ("POST", _API + r"/paths-info" + _REVISION, _paths_info),
    ("POST", _PAGE + r"\.git/info/lfs/objects/batch", _batch),
    ("PUT", r"/lfs/(?P<oid>\w+)", _receive),
    ("POST", r"/lfs/(?P<oid>\w+)/verify", _received),
    ("GET HEAD", _PAGE + r"/resolve" + _REVISION + r"/(?P<path>.+)", _resolve),
    (
        "GET HEAD",
        r"/api/resolve-cache/(?:datasets|models)/(?P<repo>[^/]+/[^/]+)" + _REVISION + r"/(?P<path>.+)",
        _resolved,
    ),
    ("GET HEAD", r"/cdn/(?P<oid>\w+)", _stored),
)
