"""Put a description into words and blocks, in the order in which people ask; screens and pages only draw them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workbench.curation.balance import LEVEL, Balance, Difference, Letters, Test
from workbench.curation.measures import Absent, Shares, Spread
from workbench.curation.split import SPLITS
from workbench.curation.tally import LETTER
from workbench.services.checking.describe import Description, Field
from workbench.store.versions import SHORT
from workbench.text import counted, show

Cell = str | int | float
_LONGEST = 60
"""Characters of a value that stand in a sentence."""


@dataclass(frozen=True)
class Table:
    """Rows under headings."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Bars:
    """Shares of values, one bar each; `of` says what the shares are of."""

    title: str
    shares: Shares
    of: str


@dataclass(frozen=True)
class Lengths:
    """Spreads of whole numbers with their histograms, by label."""

    title: str
    rows: tuple[tuple[str, Spread | Absent], ...]


@dataclass(frozen=True)
class Stacked:
    """A category over the splits, with what it means in words."""

    balance: Balance
    meaning: str


Block = Table | Bars | Lengths | Stacked


@dataclass(frozen=True)
class Section:
    """One question and its answer."""

    title: str
    lines: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()


def title_of(found: Description) -> str:
    """Return what is described: the corpus, and the version where one was named."""
    return f"{found.corpus}@{_standing(found)}" if found.version else f"{found.corpus} as it is now"


def _standing(found: Description) -> str:
    return f"{found.splits_name} ({(found.splits_of or '')[:SHORT]})"


def sections(found: Description) -> list[Section]:
    """Return a description as sections; what a person asks first comes first."""
    return [
        _glance(found),
        Section("Issues", *_issues(found)),
        Section("Lengths", *_lengths(found)),
        *_answers(found),
        Section("Languages", _drawn(found), tuple(Bars(f.name, f.languages, "texts") for f in found.fields)),
        Section("Sources", (), (Bars("source", found.sources, "records"),)),
        _fairness(found),
        Section("Words", ("Type/token ratio falls as a text grows: compare fields of one size only.",), _words(found)),
        Section("Missing values", (), (_gaps(found),)),
    ]


def percent(share: float) -> str:
    """Return a share as a percentage that claims neither 0 nor 100 where it is not."""
    if 0 < share < 0.0005:
        return "< 0.1 %"
    if 0.9995 < share < 1:
        return "> 99.9 %"
    return f"{100 * share:.1f} %" if 0 < share < 0.1 or 0.99 < share < 1 else f"{100 * share:.0f} %"


def written(cell: Cell) -> str:
    """Return a cell as text: whole numbers with commas, others with as many digits as say something."""
    if isinstance(cell, str):
        return cell
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:.3f}" if cell < 1 else f"{cell:,.1f}"


def chance(p: float) -> str:
    """Return a p-value as people write it."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def meaning(found: Balance) -> str:
    """Return in one sentence whether the splits differ in a category, with the numbers of records it is of."""
    gap = found.largest
    if isinstance(gap, Absent):
        return f"{found.category}: nothing to compare ({gap.reason})"
    return f"{_gap(found, gap)}, {verdict(found.test)}"


def _gap(found: Balance, gap: Difference) -> str:
    value = show(gap.value, limit=_LONGEST)
    what = f"letter {value} is right in" if found.category == LETTER else f"{found.category} '{value}' is"
    high, low = f"{percent(gap.high_share)} of {gap.high}", f"{percent(gap.low_share)} of {gap.low}"
    return f"{what} {high} and {low} (n = {found.n[gap.high]:,}/{found.n[gap.low]:,})"


def verdict(test: Test | Absent) -> str:
    """Return what a test of independence says."""
    if isinstance(test, Absent):
        return f"cannot tell ({test.reason})"
    told = "more than chance alone gives" if test.p < LEVEL else "no more than chance gives"
    return f"{chance(test.p)}: {told}"


def _glance(found: Description) -> Section:
    counts = {name: getattr(found, name) for name in ("records", "quarantined", "edited", "dropped")}
    rows: list[tuple[Cell, ...]] = [(count, name) for name, count in counts.items()]
    rows += [(sum(issue["count"] for issue in found.issues), "issues")]
    lines = []
    if isinstance(found.splits, Absent):
        lines.append(f"splits: {found.splits.reason}")
    else:
        rows += [(count, f"in {name}" if name in SPLITS else name) for name, count in found.splits.items()]
        lines.append(f"splits of {_standing(found)}")
    return Section("At a glance", (*lines, _duplicates(found)), (Table(("count", "what"), tuple(rows)),))


def _duplicates(found: Description) -> str:
    known = found.duplicates
    if isinstance(known, Absent):
        return f"duplicates: n/a ({known.reason})"
    kept = counted(known.kept_for_them, "kept one")
    return f"duplicates: {counted(known.removed, 'record')} removed in favour of {kept}"


def _issues(found: Description) -> tuple[tuple[str, ...], tuple[Block, ...]]:
    if not found.issues:
        return ("no issues found",), ()
    rows = tuple((issue["count"], issue["severity"], issue["rule"]) for issue in found.issues)
    return (), (Table(("count", "severity", "rule"), rows),)


def _lengths(found: Description) -> tuple[tuple[str, ...], tuple[Block, ...]]:
    blocks: list[Block] = [Lengths("characters", tuple((field.name, field.characters) for field in found.fields))]
    blocks.append(Lengths("words", tuple((field.name, field.words) for field in found.fields)))
    if found.tokenizer is None:
        return ("tokens: n/a (no tokenizer given)",), tuple(blocks)
    blocks.append(Lengths("tokens", tuple((field.name, field.tokens) for field in found.fields)))
    return (f"tokens of the bare text by {found.tokenizer}, without template, BOS and EOS", *_drawn(found)), tuple(
        blocks
    )


def _drawn(found: Description) -> tuple[str, ...]:
    drawn = next((field.drawn for field in found.fields), 0)
    return (f"of {drawn:,} drawn from {counted(found.records, 'record')}",) if drawn < found.records else ()


def _answers(found: Description) -> Iterator[Section]:
    if isinstance(found.letters, Letters):
        yield Section("Right letters", _letters(found.letters), (Bars("letter", found.letters.letters, "records"),))
    if isinstance(found.answers, Shares):
        yield Section("Short answers", (), (Bars("answer", found.answers, "records"),))
    if not isinstance(found.conversation, Absent):
        turns = Lengths("turns", (("a record", found.conversation.turns),))
        yield Section("Conversations", (), (turns, Bars("role", found.conversation.roles, "turns")))


def _letters(found: Letters) -> tuple[str, ...]:
    if isinstance(found.even, Absent):
        told = f"even spread: cannot tell ({found.even.reason})"
    else:
        told = f"even spread over the options (n = {found.tested:,}): chi-square {found.even.chi_square:.1f}, "
        told += f"{found.even.degrees} degrees of freedom, {verdict(found.even)}"
    return (told, f"{counted(found.none, 'record')} without one right letter") if found.none else (told,)


def _fairness(found: Description) -> Section:
    if isinstance(found.balance, Absent):
        return Section("Bias between splits", (f"n/a ({found.balance.reason})",))
    tested = sum(isinstance(one.test, Test) for one in found.balance)
    lines = (
        "The largest difference of each category between two splits, and a chi-square test of independence over all.",
        f"{tested} of {len(found.balance)} categories could be tested. Of twenty tests without any bias, one shows "
        "p < 0.05 by chance; groups that stand together make it a little more.",
        *(f"language: {line}" for line in _drawn(found)),
    )
    return Section("Bias between splits", lines, tuple(Stacked(one, meaning(one)) for one in found.balance))


def _words(found: Description) -> tuple[Block, ...]:
    rows = tuple(_words_of(field) for field in found.fields)
    return (Table(("field", "running", "different", "type/token"), rows),)


def _words_of(field: Field) -> tuple[Cell, ...]:
    ratio = field.vocabulary.ratio
    shown = f"n/a ({ratio.reason})" if isinstance(ratio, Absent) else ratio
    return field.name, field.vocabulary.running, field.vocabulary.different, shown


def _gaps(found: Description) -> Table:
    rows = tuple((gap.field, gap.missing, gap.blank, gap.n) for gap in found.gaps)
    return Table(("field", "missing", "blank", "of records"), rows)
