"""The card of an adapter: what it was trained from, on and with, and the numbers that were measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from huggingface_hub import EvalResult
from huggingface_hub.repocard_data import eval_results_to_model_index

from workbench.publish import sections
from workbench.publish.adapter import AdapterFacts
from workbench.publish.facts import SPLITS
from workbench.publish.markdown import code, number, plain, section, shown, table
from workbench.publish.merge import BEGIN, END, front_matter
from workbench.text import show

_MODELS = ("base", "tuned")
_NAMES = {
    "perplexity": "perplexity",
    "response_perplexity": "perplexity of the answer",
    "bits_per_byte": "bits per byte",
    "em": "exact match",
    "f1": "token F1",
    "bleu": "BLEU",
    "chrf": "chrF",
    "rouge_l": "ROUGE-L",
    "choice_accuracy": "accuracy of the chosen option",
    "n": "records",
}
_TYPES = {"em": "exact_match", "rouge_l": "rouge", "choice_accuracy": "accuracy"}
"""The Hub's names where they differ from ours."""
_NOT_LISTED = frozenset({"n", "memory_gib"})
"""Numbers that are no measure of the model's answers."""


def adapter_card(facts: AdapterFacts) -> str:
    """Return the whole card of an adapter nobody has written about yet."""
    body = f"# {shown(facts.run)}\n\n{BEGIN}\n{_body(facts)}{END}\n"
    return f"---\n{front_matter(_front(facts))}---\n\n{body}"


def _front(facts: AdapterFacts) -> dict[str, Any]:
    front = {
        "license": facts.license,
        "language": list(facts.languages),
        "base_model": facts.base.name if facts.base.is_on_hub else None,
        "base_model_relation": "adapter" if facts.base.is_on_hub else None,
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "datasets": [facts.records] if facts.records else None,
        "tags": ["workbench", "lora"],
        "model-index": _model_index(facts),
    }
    return {key: value for key, value in front.items() if value}


def _model_index(facts: AdapterFacts) -> list[dict[str, Any]]:
    """Return the measured numbers of the tuned model in the form that the Hub reads (Papers with Code's)."""
    results = [result for split, found in facts.evaluations.items() for result in _results(facts, split, found)]
    return list(eval_results_to_model_index(show(facts.run), results)) if results else []


def _results(facts: AdapterFacts, split: str, found: Mapping[str, Any]) -> Iterator[EvalResult]:
    for name, value in found.get("tuned", {}).items():
        if name in _NOT_LISTED or not isinstance(value, (int, float)):
            continue
        yield EvalResult(
            task_type="text-generation",
            dataset_type=facts.records or show(facts.corpus),
            dataset_name=show(facts.corpus),
            dataset_split=split,
            dataset_revision=facts.version_name,
            metric_type=_TYPES.get(name, name),
            metric_name=f"{_NAMES.get(name, name)} ({split})",
            metric_value=round(value, 6),
        )


def _body(facts: AdapterFacts) -> str:
    parts = (
        _made(facts),
        *(_measured(split, found) for split, found in facts.evaluations.items()),
        _trained_on(facts),
        _settings(facts),
        _loading(facts),
        sections.examples(facts.told),
        section("Made with", table(("package", "version"), facts.packages.items())),
    )
    return "\n".join(part for part in parts if part)


def _made(facts: AdapterFacts) -> str:
    base = code(facts.base.name) + (f" at {code(facts.base.revision[:12])}" if facts.base.revision else "")
    where = "" if facts.base.is_on_hub else (
        " That base is not on the Hub: whoever has it can tell it by the fingerprint"
        f" {code(facts.base.fingerprint[:16])}."
    )  # fmt: skip
    version = f"{code(facts.version_name)} ({code(facts.version[:12])})"
    return (
        f"LoRA adapter of {base}, trained on version {version} of the corpus {code(facts.corpus)} by "
        f"{shown(facts.tool)}, run {code(facts.run)}.{where}\n"
    )


def _measured(split: str, found: Mapping[str, Any]) -> str:
    """Return the numbers of base and tuned side by side, and what cannot be told."""
    names = [name for name, value in found.get("tuned", {}).items() if isinstance(value, (int, float))]
    rows = [[_NAMES.get(name, name), *_both(found, name), _verdict(found, name)] for name in names]
    intervals = found.get("how", {}).get("intervals")
    told = f"Base and tuned in the same precision, template and decoding. {shown(intervals or '')}".strip()
    return section(f"Measured on the {split} split", table(("metric", "base", "tuned", "difference"), rows), told)


def _both(found: Mapping[str, Any], name: str) -> list[str]:
    values = [found.get(model, {}).get(name) for model in _MODELS]
    return [number(value) if isinstance(value, (int, float)) else "n/a" for value in values]


def _verdict(found: Mapping[str, Any], name: str) -> str:
    difference = found.get("difference", {}).get(name, {})
    if "value" not in difference or difference["value"] is None:
        return ""
    value, bounds = number(difference["value"]), difference.get("interval")
    if bounds is None:  # of a quantile or a peak
        return value
    low, high = bounds
    said = difference.get("verdict", "")
    return f"{value} ({number(low)} to {number(high)})" + (f": {said}" if said else "")


def _trained_on(facts: AdapterFacts) -> str:
    rows = [(split, number(facts.counts.get(split, 0))) for split in SPLITS]
    where = (
        f"The records are on the Hub: {code(facts.records)}, tag {code(facts.version_name)}." if facts.records else ""
    )
    return section("Records", table(("split", "records"), rows), where)


def _settings(facts: AdapterFacts) -> str:
    return section("Recipe", table(("setting", "value"), _flat(facts.recipe)))


def _flat(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}.")
        elif value not in (None, [], ()) and not (path == "" and name in ("name", "description", "base")):
            yield f"{path}{name}", _plain_value(value)


def _plain_value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)


def _loading(facts: AdapterFacts) -> str:
    base, repo = plain(facts.base.name), plain(facts.repo or "OWNER/NAME")
    base = base if facts.base.is_on_hub else f"FOLDER/OF/{base}"
    lines = [
        "from peft import PeftModel",
        "from transformers import AutoModelForCausalLM, AutoTokenizer",
        "",
        f'base = AutoModelForCausalLM.from_pretrained("{base}")',
        f'model = PeftModel.from_pretrained(base, "{repo}")',
        f'tokenizer = AutoTokenizer.from_pretrained("{repo}")',
    ]
    return section("Loading", "\n".join(["```python", *lines, "```"]))
