"""The sections of a card of records, each a function of the facts alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workbench.publish.facts import SPLITS, Example, ExportFacts, Length, RunFacts
from workbench.publish.markdown import block, bullets, code, number, plain, section, shown, table
from workbench.text import counted

Features = Sequence[Mapping[str, Any]]

_ROLES = {"record_id": "identity", "source": "lineage", "split": "split"}
_EXAMPLE = 700
"""Characters of each text of an example that a card shows."""
_LEAKS = {
    "exact": "equal texts",
    "near": "nearly equal texts (Jaccard 0.6 or more)",
    "neighbour": "neighbouring passages of one source",
    "group": "groups that belong together",
}
_SETTINGS = {
    "seed": "seed of the draw",
    "ratios": "train, validation and test, as shares",
    "counts": "train, validation and test, as exact numbers",
    "keep_source_split": "the sources' own splits were kept",
    "strategy": "drawn by",
    "threshold": "duplicates are removed from this Jaccard on",
    "texts": "texts",
}


def made(facts: ExportFacts) -> str:
    """Say what this is, and of what version."""
    name = f"{code(facts.name)} ({code(facts.version[:12])})" if facts.name else code(facts.version)
    kind = (
        f"{shown(facts.title)} records (schema {code(facts.schema)})" if facts.title else f"schema {code(facts.schema)}"
    )
    parent = f"It follows version {code(facts.parent[:12])}." if facts.parent else "It is the first version."
    line = f"Version {name} of the corpus {code(facts.corpus)}: {kind}, made by {shown(facts.tool)}. {parent}"
    return "\n\n".join(filter(None, [line, shown(facts.note)])) + "\n"


def records(facts: ExportFacts) -> str:
    """Tell how many records stand where, and what was left out."""
    whole = sum(facts.counts.values()) or 1
    rows = [(name, number(facts.counts[name]), f"{facts.counts[name] / whole:.1%}") for name in _held(facts)]
    why = "; ".join(f"{count:,} {reason}" for reason, count in facts.excluded_because.items())
    left = f"{counted(facts.excluded, 'record')} excluded from all splits{f': {why}' if why else ''}."
    return section("Records", table(("split", "records", "share"), rows), shown(left) if facts.excluded else "")


def _held(facts: ExportFacts) -> list[str]:
    return [name for name in SPLITS if name in facts.counts]


def languages(facts: ExportFacts) -> str:
    """Tell which languages were recognised."""
    rows = [(name, f"{share:.1%}") for name, share in facts.spoken.items()]
    told = f"As recognised in {counted(facts.spoken_of, 'text')}; short texts are often not sure."
    return section("Languages", table(("language", "share"), rows), told) if rows else ""


def lengths(facts: ExportFacts) -> str:
    """Tell how long the texts are, in characters and words, and in tokens where a run has counted them."""
    run = facts.run
    tokens = run.lengths if run else ()
    told = (
        f"Tokens are those of {code(run.base)}, with its template, as the run {code(run.run)} saw them." if run else ""
    )
    header = ("text", "unit", "median", "95 %", "longest")
    return section("Lengths", table(header, map(_length, (*facts.lengths, *tokens))), told if tokens else "")


def _length(length: Length) -> tuple[str, ...]:
    counts = (number(round(count)) for count in (length.median, length.p95, length.longest))
    return length.what, length.unit, *counts


def duplicates(facts: ExportFacts) -> str:
    """Tell what was removed as a duplicate, in favour of what."""
    if not facts.removed:
        return section("Duplicates", "No record was removed as a duplicate.")
    kept = f" in favour of {counted(facts.kept_for_removed, 'record')} that stayed" if facts.kept_for_removed else ""
    line = (
        f"{counted(facts.removed, 'record')} removed as duplicates{kept}. Candidates are found by MinHash and verified "
        "by their exact Jaccard; a record goes only for one that stays, and the same question with another answer is "
        "a conflict, which is never removed by itself."
    )
    return section("Duplicates", line)


def proof(facts: ExportFacts) -> str:
    """Say in words what was proved of the splits, and what was not."""
    found = {name: facts.proof.get(name, 0) for name in _LEAKS if name in facts.proof}
    lines = [f"{counted_leaks(found[name])} {_LEAKS[name]} on two sides" for name in found]
    lines += _closest(facts.proof.get("max_jaccard"))
    unchecked = [f"Not checked: {what}" for what in facts.proof.get("unchecked", ())]
    compared = str(facts.proof.get("compared") or "")
    return section("Proof that the splits do not leak", bullets([*lines, *unchecked]), shown(compared))


def counted_leaks(count: int) -> str:
    """Return a number of leaks in words."""
    return "No" if not count else f"{count:,}"


def _closest(jaccard: float | str | None) -> Iterator[str]:
    if isinstance(jaccard, str):
        yield f"Every pair of texts on two sides that was compared has a Jaccard {jaccard.replace('<', 'below')}"
    elif jaccard is not None:
        yield f"The most alike pair of texts on two sides has a Jaccard of {jaccard:.2f}"


def columns(facts: ExportFacts, features: Features) -> str:
    """Tell name, type and role of every column."""
    rows = [(feature["name"], kind_of(feature), _role(feature["name"], facts)) for feature in features]
    return section("Columns", table(("column", "type", "role"), rows))


def kind_of(feature: Mapping[str, Any]) -> str:
    """Return a column's type in words: `list of string`."""
    kinds = {key: value for key, value in feature.items() if key != "name"}
    if "dtype" in kinds:
        return str(kinds["dtype"])
    return " ".join(f"{key} of {_inner(value)}" for key, value in kinds.items())


def _inner(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return kind_of(value)
    if isinstance(value, list):
        return ", ".join(f"{part['name']} ({kind_of(part)})" for part in value)
    raise TypeError(f"{value!r} describes no column")


def _role(column: str, facts: ExportFacts) -> str:
    return "text" if column in facts.text_columns else _ROLES.get(column, "")


def sources(facts: ExportFacts) -> str:
    """Tell where the records come from, and under which licence."""
    rows = [(one.get("name", ""), one.get("license") or "not stated", one.get("digest", "")) for one in facts.sources]
    is_mixed = any(one.get("license") not in (None, facts.license) for one in facts.sources)
    told = "Records of a source with a licence of its own stay under it; the column `source` tells whose they are."
    return section("Sources", table(("source", "licence", "sha256"), rows), told if is_mixed else "")


def settings(facts: ExportFacts) -> str:
    """Tell the settings by which the same records give the same splits."""
    return section("How the splits were made", table(("setting", "value"), _settings(facts.settings)))


def _settings(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _settings(value)
        elif value is not None and value is not False:
            yield _SETTINGS.get(name, name), _plain_value(value)


def _plain_value(value: object) -> str:
    if value is True:
        return "yes"
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain_value(part) for part in value)
    return number(value) if isinstance(value, (int, float)) else str(value)


def loading(facts: ExportFacts, splits: Sequence[str]) -> str:
    """Show how to load the records, and how to check them."""
    name = facts.repo or "OWNER/NAME"
    pinned = f', revision="{plain(facts.name)}"' if facts.name and facts.repo else ""
    lines = ["from datasets import load_dataset", "", f'loaded = load_dataset("{plain(name)}"{pinned})']
    lines += [f'{split} = loaded["{plain(split)}"]' for split in splits]
    pull = f"workbench pull {plain(name)}" + (f"@{plain(facts.name)}" if facts.name and facts.repo else "")
    told = (
        "The name may also be the path of this folder. `curation.json` holds the sha256 of every data file and the "
        f"facts above in a form for programs; `{pull}` takes the records into a corpus and checks them against it."
    )
    return section("Loading", "\n".join(["```python", *lines, "```"]), told)


def examples(run: RunFacts | None) -> str:
    """Show what a run's model says to records that it never trained on, beside what its base says."""
    if run is None or not run.examples:
        return ""
    told = f"Answers of {code(run.base)} before and after the training {code(run.run)}, to records of the test split."
    return section("Examples", told, *(_example(number, one) for number, one in enumerate(run.examples, start=1)))


def _example(place: int, one: Example) -> str:
    parts = {"asked": one.prompt, "should say": one.reference, "before": one.base, "after": one.tuned}
    texts = [f"{what}:\n\n{block(text, limit=_EXAMPLE)}" for what, text in parts.items() if text.strip()]
    return "\n\n".join([f"### Example {place}", *texts])
