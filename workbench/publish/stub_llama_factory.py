"""LLaMA-Factory's files for an export: dataset_info.json and the settings of `llamafactory-cli train`."""

from __future__ import annotations

import json
from typing import Any

from workbench.errors import UsageError
from workbench.publish.configured import (
    TINY,
    Configured,
    Trainer,
    as_yaml,
    base_said,
    refuse_calls,
    training_arguments,
)

INFO, SETTINGS = "dataset_info.json", "llama-factory.yaml"
_TEMPLATES = {"inst": "mistral", "instruction-response": "alpaca"}
"""Its templates that come nearest to ours; docs/formats.md says what they write differently."""
_FAMILIES = {"mistral": "mistral", "mixtral": "mistral", TINY: "mistral", "llama-3": "llama3", "qwen2": "qwen"}
"""Its name for the own template of a family of bases, by what their names hold."""


def _write(configured: Configured) -> dict[str, str]:
    refuse_calls(configured, "LLaMA-Factory")
    if configured.format == "prompt-completion" and (configured.has_history or configured.schema.declared.markers):
        raise UsageError(
            f"LLaMA-Factory cannot read prompt and completion of {configured.schema.name!r} records",
            "give --format messages",
        )
    return {INFO: _info(configured), SETTINGS: as_yaml(_head(configured), _settings(configured))}


def _info(configured: Configured) -> str:
    columns = _COLUMNS[configured.format]
    entries = {_name(configured, split): {"file_name": path, **columns} for split, path in configured.files.items()}
    if configured.format == "alpaca" and configured.has_history:
        beside = {"system": "system", "history": "history"}
        entries = {name: entry | {"columns": entry["columns"] | beside} for name, entry in entries.items()}
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


_COLUMNS: dict[str, dict[str, Any]] = {
    "messages": {
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "system_tag": "system",
        },
    },
    "sharegpt": {
        "formatting": "sharegpt",
        "columns": {"messages": "conversations"},
        "tags": {
            "role_tag": "from",
            "content_tag": "value",
            "user_tag": "human",
            "assistant_tag": "gpt",
            "system_tag": "system",
        },
    },
    "alpaca": {
        "formatting": "alpaca",
        "columns": {"prompt": "instruction", "query": "input", "response": "output"},
    },
    "prompt-completion": {"formatting": "alpaca", "columns": {"prompt": "prompt", "response": "completion"}},
    "text": {"formatting": "alpaca", "columns": {"prompt": "text"}},
}


def _name(configured: Configured, split: str) -> str:
    return f"{configured.facts.corpus}-{split}"


def _head(configured: Configured) -> list[str]:
    said = [f"In this folder: llamafactory-cli train {SETTINGS}", *base_said(configured)]
    template = _template(configured)
    if template is None:
        said.append("Name a template that fits the base: LLaMA-Factory cannot read every base's own.")
    if configured.recipe.template == "instruction-response":
        said.append("Its template `alpaca` writes no BOS, and two line ends behind an answer.")
    if configured.recipe.template == "inst":
        said.append("Its template `mistral` writes no blank before [/INST], where the workbench writes one.")
    return said


def _template(configured: Configured) -> str | None:
    """Return its name of the recipe's template; None where only the base's own is meant and its family is not known."""
    if configured.format == "text":
        return "empty"
    if configured.recipe.template != "auto":
        return _TEMPLATES.get(configured.recipe.template)
    base = configured.base[0].rpartition("/")[2].lower()
    return next((name for family, name in _FAMILIES.items() if family in base), None)


def _settings(configured: Configured) -> dict[str, Any]:
    base, revision = configured.base
    return {
        "model_name_or_path": base,
        "model_revision": revision,
        "stage": "pt" if configured.format == "text" else "sft",
        "do_train": True,
        "finetuning_type": "lora",
        **_quantization(configured),
        **_lora(configured),
        **_records(configured),
        **_loop(configured),
        "output_dir": f"adapter-{configured.recipe.name}",
        "report_to": "none",
    }


def _quantization(configured: Configured) -> dict[str, Any]:
    quantization = configured.recipe.quantization
    if quantization.kind != "nf4":
        return {}  # a base that was quantised before says so itself
    return {
        "quantization_method": "bnb",
        "quantization_bit": 4,
        "quantization_type": "nf4",
        "double_quantization": quantization.double_quant,
    }


def _lora(configured: Configured) -> dict[str, Any]:
    lora = configured.recipe.lora
    return {
        "lora_rank": lora.r,
        "lora_alpha": lora.alpha,
        "lora_dropout": lora.dropout,
        "lora_target": ",".join(configured.targets) if configured.targets else "all",
        "use_rslora": lora.use_rslora,
        "use_dora": lora.use_dora,
    }


def _records(configured: Configured) -> dict[str, Any]:
    train, is_text = configured.recipe.train, configured.format == "text"
    template = _template(configured)
    return {
        "dataset_dir": ".",
        "dataset": _name(configured, "train"),
        "eval_dataset": _name(configured, "validation") if configured.evaluates else None,
        "template": template,
        # Its alpaca template opens with a sentence that the workbench does not write.
        "default_system": "" if template == "alpaca" else None,
        "cutoff_len": train.max_length,
        "packing": train.packing,
        "neat_packing": True if train.packing and not is_text else None,
        "train_on_prompt": None if is_text else not train.completion_only,
    }


def _loop(configured: Configured) -> dict[str, Any]:
    train = configured.recipe.train
    return {
        **training_arguments(configured),
        "per_device_eval_batch_size": train.batch_size if configured.evaluates else None,
        "disable_gradient_checkpointing": not configured.checkpoints,
    }


LLAMA_FACTORY = Trainer(("messages", "sharegpt", "alpaca", "prompt-completion", "text"), _write)
