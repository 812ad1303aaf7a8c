"""`workbench trace`: where a record, a raw file or a run comes from and where it went."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from workbench.cli.options import AsJson, In, Option, corpus_name, opened
from workbench.cli.output import indented, result, short, table
from workbench.cli.values import done
from workbench.text import counted
from workbench.text import show as shown

First = Annotated[str, typer.Argument(metavar="[CORPUS]", help="Where to look; alone it is what to follow.")]
Second = Annotated[
    str | None, typer.Argument(metavar="REF", help="Record id or prefix, raw file or its digest, or run.")
]
_SHOWN = 10
_DONE = 80
"""Characters of what an edit did."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("trace")(trace)


def trace(
    first: First, second: Second = None, option: Option = None, as_json: AsJson = False, workspace: In = None
) -> None:
    """Follow a record, a raw file or a run both ways: raw bytes, edits, versions with split, runs, pushes.

    \b
    Examples:
      workbench trace 3f9a12
      workbench trace quiz 3f9a12
      workbench trace quiz.json
      workbench trace quiz-v1-tiny-1
    """
    with opened(workspace) as store:
        from workbench.services.trace import trace as followed

        named = first if second else None
        corpus = corpus_name(store, named, option) if named or option else None
        found = followed(store, second or first, corpus)
    lines = {"record": _record, "file": _file, "run": _run}[found["kind"]]
    result(found, lines(found), as_json=as_json)


def _record(found: dict[str, Any]) -> list[str]:
    out = [f"{found['corpus']} {found['record']}  ({found['state']})"]
    out += [f"  {found['heir']} stands for it now"] if found["heir"] else []
    out += [f"  stands for {record}" for record in found["stands_for"]]
    for place in found["deliveries"]:
        out.append(
            f"  from {found['source']}, sha256 {place['digest'][:12]}, row {place['position']}, "
            f"bytes {place['start']:,}-{place['end']:,}  ({place['at']})"
        )
        out += [f"    pulled from {place['origin']}"] if "origin" in place else []
    out += _raw(found["raw"])
    out += [f"  re-admission {r['seq']}: {shown(r['who'])} gave that row its values" for r in found["readmitted"]]
    out += [f"  edit {e['seq']}: {short(done(e['field'], e['value']), _DONE)}  {e['reason']}" for e in found["edits"]]
    rows = [[p["name"], p["version"][:12], p["split"], p["record"][:12], p["reason"] or ""] for p in found["versions"]]
    out += _part("versions", rows)
    return out + _part("runs", [_use(r) for r in found["runs"]]) + _pushes(found)


def _use(use: dict[str, Any]) -> list[Any]:
    seen = use["exposure"]
    times = f"{counted(seen['times'], 'time')}, {seen['learned_tokens']:,} learned tokens" if seen else ""
    return [use["run"], use["saw"], use["status"], times]


def _raw(raw: dict[str, Any] | None) -> list[str]:
    if raw is None:
        return ["  raw: no delivery that is kept holds it"]
    if raw["text"] is None:
        return [f"  raw: {raw['reason']}"]
    cut = f", the first {raw['shown']:,}" if raw["shown"] < raw["bytes"] else ""
    return [f"  raw, {counted(raw['bytes'], 'byte')}{cut}:", *indented(raw["text"])]


def _part(what: str, rows: list[list[Any]]) -> list[str]:
    more = [f"    ... and {len(rows) - _SHOWN:,} more: --json"] if len(rows) > _SHOWN else []
    return [f"  {what}:", *(f"    {line}" for line in table(rows[:_SHOWN])), *more] if rows else [f"  {what}: none"]


def _pushes(found: dict[str, Any]) -> list[str]:
    return _part("pushed", [[push["repo"], push["tag"], push["commit"]] for push in found["published"]])


def _file(found: dict[str, Any]) -> list[str]:
    out = [f"raw file, sha256 {', '.join(digest[:12] for digest in found['digests'])}"]
    out += _part("deliveries", [_delivery(place) for place in found["deliveries"]])
    records = found["records"]
    more = [f"    ... and {records['total'] - _SHOWN:,} more: --json"] if records["total"] > _SHOWN else []
    out += [f"  records: {records['total']:,}", *(f"    {record}" for record in records["ids"][:_SHOWN]), *more]
    rows = [[p["corpus"], p["name"], p["version"][:12], _splits(p["splits"])] for p in found["versions"]]
    out += _part("versions", rows)
    return out + _part("runs", [[r["run"], r["status"]] for r in found["runs"]]) + _pushes(found)


def _delivery(place: dict[str, Any]) -> list[Any]:
    counts = f"read {place['read']:,} = kept {place['kept']:,} + merged {place['merged']:,}"
    return [place["at"], place["corpus"], place["source"], f"{counts} + quarantined {place['quarantined']:,}"]


def _splits(splits: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {split}" for split, count in splits.items())


def _run(found: dict[str, Any]) -> list[str]:
    out = [f"run {found['run']}  ({found['status']})"]
    if found["records"] is None:
        return [*out, f"  version {found['version'][:12]}: {found['reason']}"]
    out.append(f"  {found['corpus']}@{found['name']}  {found['version'][:12]}: {_splits(found['splits'])}")
    out += _exposure(found["exposure"])
    rows = [[row["record"][:12], row["split"], *_nats(row["scores"])] for row in found["records"]["rows"]]
    header = ["record", "split", "base nll/token", "tuned nll/token"]
    out += [f"  {line}" for line in table(rows[:_SHOWN], header)]
    total = found["records"]["total"]
    return out + ([f"  ... and {total - _SHOWN:,} more: --json"] if total > _SHOWN else [])


def _exposure(seen: dict[str, Any] | None) -> list[str]:
    if seen is None:
        return []
    fewest, most = seen["times"]
    times = counted(most, "time") if fewest == most else f"{fewest:,} to {most:,} times"
    why = f" (whole passes alone: {seen['reason']})" if seen["reason"] else ""
    told = f"{counted(seen['records'], 'record')} seen {times}, {seen['learned_tokens']:,} learned tokens"
    return [f"  trained up to step {seen['step']:,}: {told}{why}"]


def _nats(scores: dict[str, Any] | None) -> list[str]:
    parts = [(scores or {}).get(which) for which in ("base", "tuned")]
    return [f"{part['nll'] / part['tokens']:.3f}" if part and part["tokens"] else "not scored" for part in parts]
