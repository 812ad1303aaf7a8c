"""The bench of an evaluation: one loaded model whose adapter goes off and on, and batches for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from workbench.errors import UsageError
from workbench.evaluation.scores import Model
from workbench.lm.load import FIRST_ADAPTER, add_adapter, attach_adapter, enough_memory, load_base
from workbench.lm.tokenizer import load_tokenizer
from workbench.lm.turns import with_turns
from workbench.recipe import Recipe

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedTokenizerBase

Report = Callable[[str, int, int], None]
"""Told after every batch: what is being done, rows done, rows in all."""

BATCH_TOKENS = 4096
"""Padded tokens in one scored batch: bounds the logits (tokens x vocabulary) in memory."""


class Run(Protocol):
    """What scoring reads of a run."""

    @property
    def name(self) -> str:
        """The run's name."""

    @property
    def tokens(self) -> Path:
        """The token cache."""

    @property
    def adapter(self) -> Path:
        """The finished adapter."""

    @property
    def evaluation(self) -> Path:
        """Folder for score tables."""

    def recipe(self) -> Recipe:
        """Return the resolved recipe."""

    def base_path(self) -> str:
        """Return where the base is loaded from."""

    def base_fingerprint(self) -> str:
        """Return the digest of the base that was trained on."""

    def check_base(self) -> None:
        """Raise CorruptionError where the base is not the one that was trained on."""


@dataclass(frozen=True)
class Bench:
    """A loaded pair: the tuned model (base with the adapter off), its tokenizer, the recipe."""

    model: PeftModel
    tokenizer: PreTrainedTokenizerBase
    recipe: Recipe
    base: str = ""
    """The digest of the base; empty for a model that no other run shares."""
    adapter: str = ""
    """The name of its adapter among those on the base; empty where the model has none."""

    def switched(self, which: Model) -> AbstractContextManager[object]:
        """Return a context in which the model is the base or the tuned one."""
        if which == "base":
            off: AbstractContextManager[object] = self.model.disable_adapter()
            return off
        if self.adapter and self.model.active_adapter != self.adapter:
            self.model.set_adapter(self.adapter, inference_mode=True)
        return nullcontext()


def quiet(_what: str, _done: int, _total: int) -> None:
    """Report to nobody."""


def load_bench(run: Run, beside: Bench | None = None) -> Bench:
    """Load a finished run's base in the recipe's precision with the adapter on it, in eval mode.

    Where the very base of `beside` is wanted in the same form, it is not loaded again: both share it in memory, each
    with its own adapter. Raises CorruptionError where the base changed since it was trained on: the adapter is for
    the old one.
    """
    if not run.adapter.is_dir():
        hint = "name a run that has finished: workbench runs"
        raise UsageError(f"the run {run.name!r} has no adapter: it has not finished", hint)
    run.check_base()
    recipe, base = run.recipe(), run.base_fingerprint()
    tokenizer = with_turns(load_tokenizer(run.base_path()), recipe.template)
    if beside is not None and (beside.base, beside.recipe.quantization) == (base, recipe.quantization):
        return Bench(beside.model, tokenizer, recipe, base, _added(beside.model, run.adapter))
    return Bench(_loaded(run, recipe), tokenizer, recipe, base, FIRST_ADAPTER)


def _loaded(run: Run, recipe: Recipe) -> PeftModel:
    from transformers import GenerationConfig

    base = load_base(
        run.base_path(),
        quantization=recipe.quantization.kind,
        double_quant=recipe.quantization.double_quant,
        compute_dtype=recipe.quantization.compute_dtype,
    )
    # Whatever generate() is not told it takes from here, where the base may ask for a repetition penalty.
    base.generation_config = GenerationConfig()
    model = attach_adapter(base, run.adapter)
    model.eval()
    return model


def _added(model: PeftModel, adapter: Path) -> str:
    """Put an adapter beside those on a model and return the name it has there."""
    name = next(name for number in count(1) if (name := f"adapter-{number}") not in model.peft_config)
    add_adapter(model, adapter, name)
    model.eval()
    return name


def drop_adapter(bench: Bench) -> None:
    """Take the adapter of a bench off a base that another bench goes on with."""
    left = next(name for name in bench.model.peft_config if name != bench.adapter)
    bench.model.set_adapter(left, inference_mode=True)
    bench.model.delete_adapter(bench.adapter)


@contextmanager
def computing(bench: Bench, which: Model, hint: str) -> Iterator[None]:
    """Compute with the base or the tuned model; raises OutsideError with the hint where the memory is full."""
    with enough_memory(f"the {which} model's answers", hint), _one_thread_on_cpu(bench), bench.switched(which):
        yield


@contextmanager
def _one_thread_on_cpu(bench: Bench) -> Iterator[None]:
    """Compute on one core where there is no GPU: on shared cores a second thread mostly waits."""
    import torch

    before = torch.get_num_threads()
    if bench.model.device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def padded(rows: Sequence[Sequence[int]], value: int, *, left: bool = False) -> torch.Tensor:
    """Return rows as one tensor (rows, longest), filled with `value` on the right, or on the left."""
    import torch

    width = max(map(len, rows))
    fills = [[value] * (width - len(row)) for row in rows]
    pairs = zip(rows, fills, strict=True)
    return torch.tensor([[*fill, *row] if left else [*row, *fill] for row, fill in pairs], dtype=torch.long)


def batches(lengths: Sequence[int], room: int = BATCH_TOKENS) -> Iterator[list[int]]:
    """Yield places grouped by length, longest first: `room` padded tokens at most, or one row."""
    places = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    group: list[int] = []
    for place in places:
        if group and (len(group) + 1) * lengths[group[0]] > room:
            yield group
            group = []
        group.append(place)
    if group:
        yield group
