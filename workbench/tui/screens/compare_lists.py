"""The lists of a comparison and what stands behind a line of them: everything is read off the event loop."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from workbench.services.looking.column import Column
from workbench.services.progress import silent
from workbench.text import counted, show
from workbench.tui.desk import Desk
from workbench.tui.screens import compare_words as words
from workbench.tui.screens.undoing import UndoingScreen
from workbench.tui.widgets.answers_pane import AnswersPane
from workbench.tui.widgets.listed import Listed
from workbench.tui.widgets.safe_input import SafeInput
from workbench.tui.widgets.virtual_table import Rows, Source, VirtualTable

if TYPE_CHECKING:
    from workbench.services.evaluation.comparison import Comparison, Measured, Pair, Wanted
    from workbench.services.evaluation.judgements import Better, Judgement

METRICS, SOURCES, WORSE, ANSWERS, OWN = "metrics", "sources", "worse", "answers", "own prompts"
VIEWS = (METRICS, SOURCES, WORSE, ANSWERS, OWN)
HIDDEN = (ANSWERS, OWN)
"""Views that say nothing of which answer is whose."""
_NOTES = {WORSE: "No answer came out worse: v shows the next list."}


class ComparingScreen(UndoingScreen):
    """A list of numbers or answers beside what stands behind one of them."""

    def __init__(self, desk: Desk, corpus: str) -> None:
        """Compare runs of one corpus."""
        super().__init__(desk, corpus)
        self.known: list[Measured] = []
        self.wanted: Wanted | None = None
        self.comparison: Comparison | None = None
        self.own: list[Pair] = []
        self._pairs: dict[str, list[Pair]] = {}
        self.view = METRICS
        self.seed: int | None = None
        """What hides whose answer is whose; None where the names are shown."""
        self.named: set[str] = set()
        """Subjects of pairs that were seen with names, or with a verdict: no later one on them is blind."""
        self.judged: dict[str, Better] = {}
        self.shown: list[Pair] = []
        """The pairs of the view, line by line."""

    def compose_body(self) -> ComposeResult:
        """Hold the lists' names, one of the lists, what stands behind a line, and the line to ask in."""
        yield Static(id="lists", markup=False)
        with Horizontal(id="panes"):
            yield VirtualTable(Rows([Column("", 1)]), note="looking for runs ...", id="lines")
            yield AnswersPane(id="behind")
        yield SafeInput(placeholder="ask both; enter asks, esc leaves", id="prompt")

    def on_mount(self) -> None:
        """Look for runs that were measured."""
        self.set_title(f"{self.corpus} > compare")
        self.query_one("#prompt").display = False
        self.table.focus()
        self.refresh_data()

    @property
    def table(self) -> VirtualTable:
        """Return the list."""
        return self.query_one("#lines", VirtualTable)

    @property
    def _behind(self) -> AnswersPane:
        return self.query_one(AnswersPane)

    # -- reading --------------------------------------------------------------------------------------------------

    def refresh_data(self) -> None:
        """Look again which runs there are and what was judged."""
        self.in_background(self._look, self._take_known, "runs")

    def _look(self) -> tuple[list[Measured], list[Judgement]]:
        from workbench.services.evaluation.comparison import measured
        from workbench.services.evaluation.judgements import judgements

        with self.desk.store() as store:
            return measured(self.desk.workspace, self.corpus), judgements(store, self.corpus)

    def _take_known(self, found: tuple[list[Measured], list[Judgement]]) -> None:
        from workbench.services.evaluation.comparison import first_wanted, unmeasured

        self.known, said = found
        self.judged = {each.subject: each.better for each in said}
        wanted = self.wanted or first_wanted(self.known)
        if wanted is not None and self.comparison is None and not self.is_busy("compare"):
            if unmeasured(self.known, wanted):
                self.wanted = wanted  # both can be asked all the same
            else:
                self.compare(wanted)
        self.show_lines()

    def compare(self, wanted: Wanted) -> None:
        """Compare two sides; what was not measured yet is measured first."""
        from workbench.services.evaluation.comparison import compared, unmeasured

        missing = unmeasured(self.known, wanted)
        if missing:
            self.measure(missing, wanted)
            return
        if self.wanted is None or self.wanted.sides != wanted.sides:
            self.own, self.seed = [], None
        self.wanted, self.comparison = wanted, None
        self.order_pairs()
        work = partial(compared, self.desk.workspace, wanted)
        self.in_background(lambda: self.desk.apart(work, silent), self._take, "compare")
        self.show_lines()

    def _take(self, made: Comparison) -> None:
        if made.wanted == self.wanted:
            self.comparison = made
            self.order_pairs()
            self.show_lines()

    def action_measure(self) -> None:
        """Measure what is compared again, or the newest run that has finished."""
        from workbench.services.evaluation.comparison import Wanted

        wanted = self.wanted or (Wanted(self.known[0].run) if self.known else None)
        if wanted is None:
            self.tell("no run has finished: T trains")
        else:
            self.measure(list(dict.fromkeys(name for name, _ in wanted.sides)), wanted)

    def measure(self, names: list[str], wanted: Wanted) -> None:
        """Measure runs as a job, then compare."""
        from workbench.services.evaluation.comparison import measure

        work = partial(measure, self.desk.workspace, names, wanted.split)
        then = lambda _: self._measured(wanted)  # noqa: E731 - the job is over, whatever it returned
        self.begin(f"measure {', '.join(names)}", lambda report: self.desk.apart(work, report), then, writes=False)

    def _measured(self, wanted: Wanted) -> None:
        self.in_background(self._look, partial(self._take_measured, wanted), "runs")

    def _take_measured(self, wanted: Wanted, found: tuple[list[Measured], list[Judgement]]) -> None:
        self.known = found[0]
        self.compare(wanted)

    def give_up(self, why: str) -> None:
        """Say why there are no numbers, and count none."""
        super().give_up(why)
        self._show_title()

    # -- lists ----------------------------------------------------------------------------------------------------

    def show_lines(self) -> None:
        """Show the list of the view with the cursor where it was."""
        cursor = self.table.cursor
        self.set_class(self.view in (METRICS, SOURCES), "-numbers")
        self.shown = self.pairs_of(self.view)
        if self.seed is None:  # a line tells which side was found better
            self.named |= {pair.subject for pair in self.shown if self.verdict(pair)}
        source = self._lines()
        note = "" if source.n_rows else show(self._nothing(), lines=True)
        self.table.set_source(source, cursor=cursor, note=note)
        self._show_title()

    def _nothing(self) -> str:
        from workbench.services.evaluation.comparison import unmeasured

        if self.view == OWN and self.known:
            return "Nothing was asked yet: p does."
        if self.wanted is None or unmeasured(self.known, self.wanted):
            return words.empty_note(self.corpus, len(self.known))
        return "reading the scores ..." if self.is_busy("compare") else _NOTES.get(self.view, "Nothing to compare.")

    def pairs_of(self, view: str) -> list[Pair]:
        """Return the pairs that a view lists; none where it lists numbers."""
        return self.own if view == OWN else self._pairs.get(view, [])

    def order_pairs(self) -> None:
        """Put the pairs of the comparison in order: those that got worst first, or one that tells nothing."""
        from workbench.services.evaluation.comparison import in_drawn_order

        every = list(self.comparison.pairs) if self.comparison is not None else []
        if self.seed is not None:
            every = in_drawn_order(every, self.seed)
        worse = [pair for pair in every if pair.bits > 0 or pair.right == (True, False)]
        self._pairs = {ANSWERS: every, WORSE: worse}

    def _lines(self) -> Source:
        if self.view in (WORSE, ANSWERS, OWN):
            hidden = self.seed is not None
            return Listed(
                words.PAIR_COLUMNS, self.shown, lambda pair: words.pair_row(pair, self.verdict(pair), hidden=hidden)
            )
        if self.comparison is None:
            return Rows(words.METRIC_COLUMNS)
        facts = self.comparison.facts
        if self.view == METRICS:
            return Rows(words.METRIC_COLUMNS, words.metric_rows(facts["metrics"]))
        rows = [
            row
            for source, found in facts["sources"].items()
            for row in words.metric_rows(found["metrics"], source, found["records"])
        ]
        return Rows(words.SOURCE_COLUMNS, rows)

    def _show_title(self) -> None:
        detail = "which runs?"
        if self.wanted is not None:
            detail = words.sides_name(self.wanted)
        if self.seed is not None:
            asked = [pair for pair in self.pairs_of(ANSWERS) + self.own if pair.prompt is not None]
            done = sum(bool(self.verdict(pair)) for pair in asked)
            detail = f"blind: {done:,} of {counted(len(asked), 'pair')} judged"
        self.set_title(f"{self.corpus} > compare", detail)
        names = [
            (f" {name} {self._count(name)} ", "reverse" if name == self.view else "")
            for name in (VIEWS if self.seed is None else HIDDEN)
        ]
        self.query_one("#lists", Static).update(Content.assemble(*names))

    def _count(self, view: str) -> str:
        if self.comparison is None and view != OWN:
            return "..." if self.is_busy("compare") else "0"
        if self.comparison is not None and view == METRICS:
            return f"{len(words.metric_rows(self.comparison.facts[METRICS])):,}"
        if self.comparison is not None and view == SOURCES:
            return f"{len(self.comparison.facts[SOURCES]):,}"
        return f"{len(self.pairs_of(view)):,}"

    def action_view(self, step: int) -> None:
        """Show the next list."""
        names = VIEWS if self.seed is None else HIDDEN
        self.view = names[(names.index(self.view) + step) % len(names)]
        self.table.cursor = 0
        self.show_lines()

    @on(events.Click, "#lists")
    def _next_list(self) -> None:
        self.action_view(1)

    @property
    def pair(self) -> Pair | None:
        """Return the pair of answers under the cursor."""
        at = self.table.cursor
        return self.shown[at] if at < len(self.shown) else None

    @on(VirtualTable.Moved, "#lines")
    def _show_behind(self) -> None:
        pair = self.pair
        if pair is not None:
            self._show_pair(pair)
        elif self.comparison is None or self.table.source.n_rows == 0:
            self._behind.show_text()
        else:
            column = 1 if self.view == METRICS else 3
            name = str(self.table.source.window(self.table.cursor, self.table.cursor + 1)[0][column])
            self._behind.show_text(*words.metric_pieces(self.comparison, name))

    def _show_pair(self, pair: Pair) -> None:
        from workbench.curation.difference import word_steps
        from workbench.tui.widgets.word_diff import word_diff

        places = self.order(pair)
        texts = [pair.answers[place] for place in places]
        hidden = self.seed is not None
        self.named |= set() if hidden else {pair.subject}
        sides = self.wanted.sides if self.wanted else (("", ""), ("", ""))
        names = ("left", "right") if hidden else tuple(words.side_name(sides[place]) for place in places)
        rights = [pair.right[place] and not hidden for place in places]  # who is right would tell who it is
        left, right = (
            words.answer_pieces(name, text, pair.reference, is_right=is_right)
            for name, text, is_right in zip(names, texts, rights, strict=True)
        )
        verdict = self.verdict(pair)
        asked = words.asked_pieces(pair, ("yes" if verdict else "") if hidden else self._in_words(verdict))
        steps = word_steps(texts[0].split(), texts[1].split())
        changes = [(f"from {names[0]} to {names[1]}\n", "$foreground-muted"), *word_diff(steps)]
        self._behind.show_answers(asked, left, right, changes)

    def _in_words(self, verdict: str) -> str:
        if not verdict or verdict == "tie" or self.wanted is None:
            return verdict
        return f"{words.side_name(self.wanted.sides[verdict == 'other'])} is better"

    def order(self, pair: Pair) -> tuple[int, int]:
        """Return which answer stands at the left and which at the right."""
        from workbench.services.evaluation.judgements import is_swapped

        if self.seed is None or pair.prompt is None or not is_swapped(self.seed, pair.prompt):
            return 0, 1
        return 1, 0

    def verdict(self, pair: Pair) -> str:
        """Return the verdict on a pair: one, other, tie, or nothing."""
        return self.judged.get(pair.subject, "")
