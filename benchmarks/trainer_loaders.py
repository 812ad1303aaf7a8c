"""Load an export by a trainer's own code, in its own environment, and write down the tokens it would train on.

Run by benchmarks/trainers.py: python trainer_loaders.py TRAINER BASE OUT, in the folder of the export. What needs a
GPU is switched off in the settings (4 bits, bfloat16, packing); everything else is taken as it was written.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

Rows = list[tuple[list[int], list[int]]]


def llama_factory(base: str) -> Rows:
    """Read settings and records as `llamafactory-cli train` does, up to the model."""
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    settings = yaml.safe_load(Path("llama-factory.yaml").read_text())
    gpu = ("quantization_bit", "quantization_method", "quantization_type", "double_quantization", "neat_packing")
    settings = {key: value for key, value in settings.items() if key not in gpu}
    settings |= {"model_name_or_path": base, "bf16": False, "fp16": False, "packing": False, "use_cpu": True}
    model, data, training, finetuning, _ = get_train_args(settings)
    loaded = load_tokenizer(model)
    template = get_template_and_fix_tokenizer(loaded["tokenizer"], data)
    found = get_dataset(template, model, data, training, stage=finetuning.stage, **loaded)
    return _rows(found["train_dataset"])


def axolotl(base: str) -> Rows:
    """Check the settings as `axolotl train` does, and read the records up to the model."""
    from axolotl.loaders import load_tokenizer
    from axolotl.utils.config import normalize_config, validate_config
    from axolotl.utils.data import prepare_datasets
    from axolotl.utils.dict import DictDefault

    settings = yaml.safe_load(Path("axolotl.yaml").read_text())
    validate_config(DictDefault(settings | {"base_model": base}))  # as it was written, 4 bits and all
    settings.pop("bnb_config_kwargs", None)
    settings |= {"base_model": base, "load_in_4bit": False, "adapter": "lora", "bf16": False, "fp16": False}
    settings |= {"sample_packing": False, "eval_sample_packing": False, "dataset_num_proc": 1}
    checked = validate_config(DictDefault(settings))
    normalize_config(checked)
    return _rows(prepare_datasets(checked, load_tokenizer(checked))[0])


def _rows(found: Iterable[dict[str, Any]]) -> Rows:
    # Plain text has no labels yet: its collator takes the ids.
    return [(list(row["input_ids"]), list(row.get("labels", row["input_ids"]))) for row in found]


LOADERS = {"llama-factory": llama_factory, "axolotl": axolotl}

if __name__ == "__main__":
    os.environ.update(HF_HUB_OFFLINE="1", DISABLE_VERSION_CHECK="1", AXOLOTL_DO_NOT_TRACK="1", WANDB_MODE="disabled")
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    Path(sys.argv[3]).write_text(json.dumps(LOADERS[sys.argv[1]](sys.argv[2])))
