"""What a run has learned: numbers with verdicts, the answers side by side, one's own prompts, and blind verdicts."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Input

from workbench.tui.screens.compare_lists import ANSWERS, HIDDEN, OWN, ComparingScreen
from workbench.tui.widgets.virtual_table import VirtualTable

if TYPE_CHECKING:
    from workbench.services.evaluation.comparison import Pair, Wanted
    from workbench.services.evaluation.judgements import Better, Judgement, Said, Tally


class CompareScreen(ComparingScreen):
    """A comparison with all that one can do in it."""

    CSS_PATH = "compare.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sides", "Sides", id="compare.sides", tooltip="Choose the runs and the split"),
        Binding("p", "ask", "Prompt", id="compare.ask", tooltip="Ask both in your own words"),
        Binding("b", "blind", "Blind", id="compare.blind", tooltip="Hide whose answer is whose, or tell again"),
        Binding("left_square_bracket", "judge('left')", "Left better", key_display="[", id="compare.left"),
        Binding("right_square_bracket", "judge('right')", "Right better", key_display="]", id="compare.right"),
        Binding("equals_sign", "judge('tie')", "Tie", key_display="=", id="compare.tie"),
        Binding("m", "measure", "Measure", show=False, id="compare.measure"),
        Binding("o", "open_record", "Open the record in Data", show=False, id="compare.open-record"),
        Binding("X", "xray", "X-ray of the record", show=False, id="compare.xray"),
        Binding("v", "view(1)", "Next list", show=False, id="compare.next-list"),
        Binding("V", "view(-1)", "List before", show=False, id="compare.list-before"),
        Binding("enter", "open", "Go to what stands behind it", show=False, id="compare.open"),
    ]

    @on(VirtualTable.Selected, "#lines")
    def action_open(self) -> None:
        """Go to what stands behind the line: in a narrow terminal it takes the list's place."""
        if not self.table.source.n_rows:
            self.tell("nothing to go into here")
            return
        self.add_class("-opened")
        self.query_one("#asked").focus()

    def action_back(self) -> None:
        """Go one step back: out of the prompt, out of the pane, to where one came from."""
        if self.query_one("#prompt").display:
            self._leave_prompt()
        elif self.has_class("-opened"):
            self.remove_class("-opened")
            self.table.focus()
        else:
            super().action_back()

    # -- sides, prompts -------------------------------------------------------------------------------------------

    def action_sides(self) -> None:
        """Choose what is compared."""
        from workbench.services.evaluation.comparison import Wanted
        from workbench.tui.screens.sides import SidesSheet

        if not self.known:
            self.tell("no run has finished: T trains")
            return
        names = {each.run for each in self.known}
        wanted = self.wanted if self.wanted and self.wanted.run in names else Wanted(self.known[0].run)
        self.app.push_screen(SidesSheet(self.known, wanted), lambda chosen: self.compare(chosen) if chosen else None)

    def action_ask(self) -> None:
        """Open the line to ask both in."""
        if self.wanted is None:
            self.tell("first choose what to ask: s")
            return
        self.query_one("#prompt").display = True
        self.query_one("#prompt", Input).focus()

    def _leave_prompt(self) -> None:
        self.query_one("#prompt").display = False
        self.table.focus()

    @on(Input.Submitted, "#prompt")
    def _ask(self, event: Input.Submitted) -> None:
        from workbench.services.evaluation.playground import answers

        text, wanted = event.value.strip(), self.wanted
        if not text or wanted is None:
            self._leave_prompt()
            return
        work = partial(answers, self.desk.workspace, wanted.sides, text)
        then = partial(self._answered, wanted, text)
        if self.begin(f"ask {wanted.run}", lambda report: self.desk.models(work, report), then, writes=False):
            event.input.clear()

    def _answered(self, wanted: Wanted, text: str, said: tuple[Said, Said]) -> None:
        from workbench.services.evaluation.comparison import own_pair

        if self.wanted is None or wanted.sides != self.wanted.sides:
            self.tell("answered, but other sides are compared by now")
            return
        pair = own_pair(wanted, text, (said[0].text, said[1].text))
        self.own = [pair, *(one for one in self.own if one.text != text)]
        self.view = OWN
        self.table.cursor = 0
        self.show_lines()

    # -- verdicts -------------------------------------------------------------------------------------------------

    def action_blind(self) -> None:
        """Hide whose answer is whose, in an order drawn anew; the second time tell, and say what came of it."""
        if self.wanted is None or not (self.pairs_of(ANSWERS) or self.own):
            self.tell("there are no answers to judge")
            return
        if self.seed is None:
            self.seed = drawn_seed()
            self.view = self.view if self.view in HIDDEN else ANSWERS if self.pairs_of(ANSWERS) else OWN
        else:
            self.seed = None
            self._tell_verdicts()
        self.table.cursor = 0
        self.order_pairs()
        self.show_lines()

    def _tell_verdicts(self) -> None:
        from workbench.tui.screens.sides import VerdictSheet

        wanted = self.wanted
        assert wanted is not None

        def tell(found: Tally) -> None:
            self.app.push_screen(VerdictSheet(found, wanted))

        self.in_background(lambda: self._tally(wanted), tell, "tally")

    def _tally(self, wanted: Wanted) -> Tally:
        from workbench.services.evaluation.comparison import verdicts

        with self.desk.store() as store:
            return verdicts(store, self.corpus, wanted)

    def _judgement(self, pair: Pair, better: Better) -> Judgement | None:
        from workbench.services.evaluation.judgements import Judgement, Said

        if self.wanted is None or pair.prompt is None:
            return None
        one, other = (Said(*side, text) for side, text in zip(self.wanted.sides, pair.answers, strict=True))
        seed = None if pair.subject in self.named else self.seed
        return Judgement(pair.prompt, one, other, better, pair.record, seed)

    def action_judge(self, side: str) -> None:
        """Say which answer is better, or that neither is, and go on to the next line."""
        from workbench.services.evaluation.judgements import judge

        pair = self.pair
        if pair is None:
            self.tell("choose two answers first: v shows them")
            return
        sides: tuple[Better, Better] = ("one", "other")
        better: Better = "tie" if side == "tie" else sides[self.order(pair)[side == "right"]]
        judgement = self._judgement(pair, better)
        if judgement is None:
            self.tell("nothing is asked in plain text: p asks in your own words")
            return

        def work() -> bool:
            with self.desk.store() as store:
                return judge(store, self.corpus, judgement)

        self.change("judging", work, lambda _: self._judged(judgement))

    def _judged(self, judgement: Judgement) -> None:
        self.judged[judgement.subject] = judgement.better
        self.show_lines()
        self.table.action_move(1)

    # -- elsewhere ------------------------------------------------------------------------------------------------

    def action_xray(self) -> None:
        """Show how the record under the cursor is trained, token by token."""
        from workbench.tui.screens.xray import XrayScreen

        if self.pair is None or not self.pair.record or self.wanted is None:
            self.tell("choose a record first: v shows the answers")
        else:
            self.app.push_screen(XrayScreen(self.desk, self.corpus, self.pair.record, self.wanted.sides[1][0]))

    def action_open_record(self) -> None:
        """Open the record under the cursor among the others."""
        if self.pair is None or not self.pair.record:
            self.tell("choose a record first: v shows the answers")
        else:
            self.app.show_mode("data", self.corpus, self.pair.record)


def drawn_seed() -> int:
    """Return a seed that nobody can guess: it hides whose answer is whose."""
    return random.SystemRandom().getrandbits(32)
