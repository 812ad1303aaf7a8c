"""The trainer: trl's, which stops at broken numbers and weighs the validation loss by token."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import torch
from datasets import Dataset
from torch.utils.data import DataLoader, Sampler
from transformers import TrainerControl
from transformers.trainer_pt_utils import LengthGroupedSampler
from trl import SFTTrainer

from workbench.lm.template import NOT_LEARNED
from workbench.training.callbacks import NonFiniteError
from workbench.training.fast.rows import PADDING


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
        """Train one micro-batch; raises NonFiniteError before its loss can spread."""
        self.recent.append({key: inputs.get(key) for key in ("input_ids", "attention_mask", "position_ids")})
        loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
        if not torch.isfinite(loss).item():
            self.recent = deque([self.recent[-1]], self.recent.maxlen)
            raise NonFiniteError(self.state.global_step + 1, "loss")
        return loss

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
        for inputs in self._held_out(self.eval_dataset if eval_dataset is None else eval_dataset):
            prepared = self._prepare_inputs(inputs)
            learned = (prepared["labels"][:, 1:] != NOT_LEARNED).sum()
            with self.compute_loss_context_manager():
                # Divided by 1 instead of the batch's tokens, the loss is the sum.
                nll = self.compute_loss(self.model, prepared, num_items_in_batch=1) / self.accelerator.num_processes
            sums += torch.stack([nll.double(), learned.double()])
        nll_of_all, tokens = self.accelerator.reduce(sums, "sum").tolist()
        metrics = {f"{metric_key_prefix}_loss": nll_of_all / max(tokens, 1)}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _held_out(self, rows: Dataset) -> DataLoader[dict[str, Any]]:
        """Return this process's own share of the held-out rows, each row once."""
        shares, place = self.accelerator.num_processes, self.accelerator.process_index
        mine = rows.select(range(place, len(rows), shares))
        return DataLoader(mine, batch_size=self.args.eval_batch_size, collate_fn=self.data_collator)
