"""The modes of a corpus: one line each, from which the keys, the help and the screens of all of them follow."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from textual.binding import Binding

if TYPE_CHECKING:
    from workbench.tui.desk import Desk
    from workbench.tui.screens.base import WorkScreen


@dataclass(frozen=True)
class Mode:
    """One of the main screens of a corpus."""

    name: str
    key: str
    says: str
    """What the help says of its key."""
    screen: str
    """Module below `workbench.tui.screens` and class, which takes the desk and `corpus`; imported when first wanted."""
    needs_corpus: bool = True

    @property
    def binding(self) -> Binding:
        """Return the key that every screen has for this mode."""
        return Binding(self.key, f"mode('{self.name}')", self.says, show=False, id=f"mode.{self.name}")

    def make(self, desk: Desk, corpus: str) -> WorkScreen:
        """Return a new screen of this mode."""
        module, _, name = self.screen.partition(":")
        made: WorkScreen = getattr(import_module(f"workbench.tui.screens.{module}"), name)(desk, corpus=corpus)
        return made


MODES = {
    mode.name: mode
    for mode in (
        Mode("data", "1", "Data: the records of the corpus", "records:RecordsScreen"),
        Mode("versions", "2", "Versions of the corpus", "versions:VersionsScreen"),
        Mode("train", "3", "Train: the runs", "train:TrainScreen", needs_corpus=False),
        Mode("compare", "4", "Compare: what a run has learned", "compare:CompareScreen"),
    )
}
