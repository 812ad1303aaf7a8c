"""The trainer: trl's, which stops at broken numbers and weighs the validation loss by token."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from datasets import Dataset
from torch.utils.data import DataLoader, Sampler
from transformers import TrainerControl
from transformers.trainer_pt_utils import LengthGroupedSampler
from trl import SFTTrainer

from workbench.lm.template import NOT_LEARNED
from workbench.training.fast.rows import PADDING
from workbench.training.finite import Finite
from workbench.training.sharded import holds_parts, in_parallel


class ByLength(Sampler[int]):
    """Draws rows of about one length together, each pass from a generator of its own: seed and pass make the order.

    The trainer's own sampler draws from the generator that dropout uses, whose state a resume in the middle of a pass
    cannot have: it would draw another order, and see some rows of that pass twice and others never.
    """

    def __init__(self, drawn: LengthGroupedSampler, seed: int, passes: Callable[[], int]) -> None:
        """Draw as `drawn` does; `passes` tells how many passes over the rows are done."""
        self.drawn = drawn
        self.seed = seed
        self.passes = passes

    def __len__(self) -> int:
        """Return the rows of a pass."""
        return len(self.drawn)

    def __iter__(self) -> Iterator[int]:
        """Yield the places of a pass's rows."""
        self.drawn.generator = torch.Generator().manual_seed(self.seed + self.passes())
        return iter(self.drawn)


class Trainer(SFTTrainer):  # type: ignore[misc]
    """SFTTrainer that stops at a loss that is not a number and weighs the validation loss by token."""

    control: TrainerControl
    recent: deque[dict[str, Any]]
    """The micro-batches of one optimizer step, to name the records of a broken one."""

    def __init__(self, **built_from: Any) -> None:  # noqa: ANN401 - trl's own arguments
        """Begin with no number noted."""
        self.finite = Finite()
        self.trained: list[torch.nn.Parameter] = []
        super().__init__(**built_from)
        self.recent = deque(maxlen=self.args.gradient_accumulation_steps)

    def _move_model_to_device(self, model: torch.nn.Module, device: torch.device) -> None:
        """Leave a base where it was loaded: on its device, or on the host because no GPU has room for all of it."""

    def _wrap_model(self, model: torch.nn.Module, *given: Any, **more: Any) -> torch.nn.Module:  # noqa: ANN401
        """Return a model that is trained on a shared base in the processes' own wrapping; any other as it is."""
        wrapped: torch.nn.Module = super()._wrap_model(model, *given, **more)
        return in_parallel(wrapped, self.accelerator) if wrapped is self.model and holds_parts(wrapped) else wrapped

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler[int] | None:
        """Return what draws the training rows, in an order that a resume draws again."""
        sampler: Sampler[int] | None = super()._get_train_sampler(train_dataset)
        if isinstance(sampler, LengthGroupedSampler):
            return ByLength(sampler, self.args.data_seed, lambda: int(self.state.epoch or 0))
        return sampler

    def training_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        num_items_in_batch: Any = None,  # noqa: ANN401
    ) -> torch.Tensor:
        """Train one micro-batch; raises NonFiniteError for its loss, or on a GPU for what a step before came to."""
        self.recent.append({key: inputs.get(key) for key in ("input_ids", "attention_mask", "position_ids")})
        loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
        self._note(loss, "loss", [self.recent[-1]])
        return loss

    def _clip_grad_norm(self, model: torch.nn.Module) -> Any:  # noqa: ANN401 - a float or tensor
        """Clip the gradients and return their size before; asked of the trained weights alone, not of all modules."""
        if not self.trained:
            self.trained = [weight for weight in model.parameters() if weight.requires_grad]
        return self.accelerator.clip_grad_norm_(self.trained, self.args.max_grad_norm)

    def _get_grad_norm(self, model: torch.nn.Module, grad_norm: Any = None) -> Any:  # noqa: ANN401 - a float or tensor
        """Return the gradients' size; raises NonFiniteError where it is none, on a GPU a step later.

        In float16 the loss is scaled until gradients overflow: such a step is skipped and the scale lowered.
        """
        size = super()._get_grad_norm(model, grad_norm)
        if not self.args.fp16:
            self._note(torch.as_tensor(size), "gradient", self.recent)
        return size

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Return 0: nobody reads the count, and for it every weight of the base would be looked at in every step."""
        return 0

    def _note(self, number: torch.Tensor, where: str, batches: Iterable[dict[str, Any]]) -> None:
        step = self.state.global_step + 1
        self.finite.note(number, step, where, batches)
        self.finite.look(before=step if number.is_cuda else None)

    def _maybe_log_save_evaluate(self, *given: Any, **more: Any) -> None:  # noqa: ANN401 - transformers' own arguments
        """Log, evaluate and save; what is said or kept comes from numbers alone, or NonFiniteError is raised."""
        if self.control.should_log or self.control.should_evaluate or self.control.should_save:
            self.finite.look()
        super()._maybe_log_save_evaluate(*given, **more)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401 - the library's own type
        """Return the loss as trl does; of rows of a fixed length without its sums that make the GPU wait.

        Their padding is no token that was trained.
        """
        padding = inputs.pop(PADDING, None)
        if padding is None:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        if self.model.training:
            self._count(inputs["input_ids"].shape[1] - padding)
        outputs = model(**inputs, use_cache=False, fused_lm_head=True)
        learned = outputs.label_mask.sum() if num_items_in_batch is None else num_items_in_batch
        loss = -outputs.log_probs.sum() / torch.as_tensor(learned, device=outputs.log_probs.device).clamp(min=1)
        # The learned tokens are those of all processes, and the gradients are averaged over them.
        return loss if num_items_in_batch is None else loss * self.accelerator.num_processes

    def _count(self, tokens: int) -> None:
        """Add the tokens of a micro-batch of every process to those trained."""
        if self.accelerator.num_processes > 1:
            here = torch.tensor(tokens, device=self.accelerator.device)
            tokens = int(self.accelerator.reduce(here, "sum").item())
        self._total_train_tokens += tokens
        self._metrics["train"]["num_tokens"] = [self._total_train_tokens]

    @torch.no_grad()
    def evaluate(
        self,
        eval_dataset: Dataset | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Return and log the validation loss: summed NLL over learned tokens, divided by their number.

        The trainer's own is a mean over batches weighted by rows, which is another number on ragged rows.
        """
        self.model.eval()
        sums = torch.zeros(2, dtype=torch.float64, device=self.accelerator.device)
        for inputs, counts in self._held_out(self.eval_dataset if eval_dataset is None else eval_dataset):
            prepared = self._prepare_inputs(inputs)
            learned = (prepared["labels"][:, 1:] != NOT_LEARNED).sum()
            with self.compute_loss_context_manager():
                # Divided by 1 instead of the batch's tokens, the loss is the sum.
                nll = self.compute_loss(self.model, prepared, num_items_in_batch=1) / self.accelerator.num_processes
            sums += torch.stack([nll.double(), learned.double()]) * counts
        nll_of_all, tokens = self.accelerator.reduce(sums, "sum").tolist()
        metrics = {f"{metric_key_prefix}_loss": nll_of_all / max(tokens, 1)}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _held_out(self, rows: Dataset) -> Iterator[tuple[dict[str, Any], bool]]:
        """Yield this process's own share of the held-out rows, each row once, and whether a batch counts.

        Every process is given as many batches as the first: those that share a base compute together or not at all.
        """
        shares, place, size = self.accelerator.num_processes, self.accelerator.process_index, self.args.eval_batch_size
        mine = DataLoader(rows.select(range(place, len(rows), shares)), batch_size=size, collate_fn=self.data_collator)
        yield from ((inputs, True) for inputs in mine)
        most = -(-len(range(0, len(rows), shares)) // size)
        yield from ((self.data_collator([rows[0]]), False) for _ in range(most - len(mine)))
