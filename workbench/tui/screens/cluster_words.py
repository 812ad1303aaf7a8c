"""What the clusters screen says of clusters, records and pairs: cells and safe pieces of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.services.looking.column import Column
from workbench.text import counted, show
from workbench.tui.widgets.word_diff import Piece

if TYPE_CHECKING:
    from workbench.services.duplicates.clusters import Preview
    from workbench.services.duplicates.members import Member, Members

MEMBER_COLUMNS = (
    Column("", 1),
    Column("record", 12),
    Column("J", 4),
    Column("class", 11),
    Column("side", 10),
    Column("source", 12),
    Column("begins with", 80),
)
_WORDS = 160
"""Characters of a text that stand in a cell or a sample."""
WRITTEN = "It is written to corpus.yaml, as by workbench dedup --threshold. u takes it back."
_KEYS = "o keeps it instead   ! it is no duplicate"
_REASONS = {
    "conflict": "conflict: the same question, answered otherwise; both stay until a person decides",
    "translation": "translation: the same in another language; both stay, on one side",
    "paraphrase": "paraphrase: said in other words; both stay, on one side",
}


def totals(counts: dict[str, int]) -> str:
    """Return what goes, and in how many clusters."""
    return f"{counted(counts['removed'], 'goes', 'go')}, {counted(counts['clusters'], 'cluster')}"


def threshold_question(told: Preview) -> tuple[str, list[list[Piece]]]:
    """Return what keeping a threshold would change, with some of the records that it changes."""
    before, after = told.before, told.after
    question = (
        f"From {after.threshold:.2f} on a duplicate goes, not from {before.threshold:.2f}\n"
        f"  now    {totals(before.counts)}\n  then   {totals(after.counts)}"
    )
    verb = "goes" if after.threshold < before.threshold else "comes back"
    return question, [_sample(verb, *one) for one in told.samples]


def _sample(verb: str, text: str, kept: str, jaccard: float) -> list[Piece]:
    return [
        (f"{verb}, J {jaccard:.2f}\n", "$text-warning"),
        f"  {show(text, limit=_WORDS)}\n",
        (f"  kept: {show(kept, limit=_WORDS)}", "$foreground-muted"),
    ]


def member_cells(members: Members, one: Member) -> tuple[object, ...]:
    """Return the cells of MEMBER_COLUMNS."""
    fields = members.fields.get(one.record, {})
    texts = (value for value in fields.values() if isinstance(value, str) and value.strip())
    return (
        one.sign,
        one.record[:12],
        "" if one.jaccard is None or one.role == "leader" else f"{one.jaccard:.2f}",
        "kept" if one.role == "leader" else one.kind,
        members.sides.get(one.record, ""),
        members.sources.get(one.record, ""),
        " ".join(next(texts, "")[: 2 * _WORDS].split()),
    )


def standing(member: Member) -> list[Piece]:
    """Return what becomes of a record, in words."""
    if member.role == "leader":
        return [("o it stays; the others are compared with it\n", "$text-success")]
    beside = f"{show(member.beside[:12])}" + (f", Jaccard {member.jaccard:.2f}" if member.jaccard is not None else "")
    if member.role == "goes":
        return [(f"x goes for {beside}\n", "$text-error"), (f"  {_KEYS}\n", "$foreground-muted")]
    why = _REASONS.get(member.kind, "it stays: linked through others alone")
    return [(f"{member.sign} {why}\n", "$text-warning"), (f"  beside {beside}\n", "$foreground-muted")]
