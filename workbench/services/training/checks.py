"""The checks of a pre-flight: what each is called, what it means and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "look", "no"]

CHECKS: Mapping[str, str] = {
    "attention-only": "the adapter changes attention alone and none of the larger layers",
    "base-absent": "the base is not on this machine, and one key shall not fetch gigabytes",
    "device-memory": "the smallest plan needs more memory than the GPU has free",
    "disk-full": "there is no room for checkpoints",
    "edits-after-version": "the corpus was changed after the version was cut",
    "float16": "the recipe asks for float16 on a device that has bfloat16: its gradients overflow sooner",
    "gptq-package": "a GPTQ base needs the package gptqmodel, which is not installed",
    "gpus-absent": "more GPUs are asked for than this machine shows",
    "leak": "records of the training and the test split are too much alike",
    "no-gpu": "the base will train on the CPU",
    "no-train-split": "the version holds nothing to learn from",
    "no-validation": "the recipe measures a validation loss, and the version has no validation split",
    "no-version": "the corpus has no such version",
    "other-run": "another run computes on the same device",
    "recipe-fault": "the recipe cannot be read",
    "rows-uneven": "so many GPUs cannot share the rows of a step evenly",
    "slow-arithmetic": "a base in 4 bits computes in float32: several times slower and no better",
    "stored-otherwise": "the base is stored in another form than the recipe says, for example already quantised",
    "target-absent": "a module that lora.target_modules names is nowhere in the base",
    "tracker-absent": "train.report_to names a tracker that is not installed",
    "xray-refuses": "the token X-ray flags records of this version",
}
"""Every code of a check that is not fine, and what it means."""

REMEDIES: Mapping[str, str] = {
    "attention-only": "name the others too, or set lora.target_modules: all-linear",
    "base-absent": "workbench base fetch NAME, or choose another recipe",
    "device-memory": "lower train.max_length, take a smaller base, or free the GPU",
    "disk-full": "free some room, or move old runs",
    "edits-after-version": "cut a new version first, if that matters: workbench split",
    "float16": "set quantization.compute_dtype: bfloat16 and train.precision: null",
    "gptq-package": "pip install 'workbench[gptq]' in an environment of its own",
    "gpus-absent": "lower --gpus",
    "leak": "cut the version again: workbench split",
    "no-gpu": "train on a machine with one, or begin with the recipe tiny",
    "no-train-split": "cut a version with a train share: workbench split",
    "no-validation": "cut a version with a validation share, or set train.eval_steps: null in the recipe",
    "no-version": "cut one: workbench split",
    "other-run": "wait for it, or stop it: workbench runs RUN --stop",
    "recipe-fault": "correct the key that is named",
    "rows-uneven": "set train.batch_size to a multiple of the GPUs, or lower --gpus",
    "slow-arithmetic": "set quantization.compute_dtype: bfloat16",
    "stored-otherwise": "set quantization.kind to the form of the base, or name the base in full precision",
    "target-absent": "name modules that the base has; they stand beside this",
    "tracker-absent": "install it, or leave it out of train.report_to",
    "xray-refuses": "the fix of each flag stands beside it",
}
"""What to do about each code, where the check itself does not know better."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: fine, worth a look, or in the way; then `fix` says what to do."""

    name: str
    verdict: Verdict
    said: str
    fix: str = ""
    code: str = ""
    """Which finding it is, a key of `CHECKS`; empty where all is fine."""


def fine(name: str, said: str) -> Check:
    """Return a check without a finding."""
    return Check(name, "ok", said)


def minded(name: str, code: str, said: str, fix: str = "") -> Check:
    """Return a finding that is worth a look and no obstacle."""
    return Check(name, "look", said, fix or REMEDIES[code], code)


def refused(name: str, code: str, said: str, fix: str = "") -> Check:
    """Return a finding that stands in the way."""
    return Check(name, "no", said, fix or REMEDIES[code], code)
