"""A recipe: everything that decides how an adapter is trained, as one checked and frozen value."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.errors import UsageError, unknown

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Optimizer = Literal["adamw_torch_fused", "adamw_torch", "adamw_8bit", "paged_adamw_8bit", "paged_adamw_32bit"]


class Part(BaseModel):
    """Base of all parts of a recipe: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Quantization(Part):
    """How the frozen base is stored: 4-bit NF4, or not quantised at all."""

    kind: Literal["nf4", "none"] = "nf4"
    double_quant: bool = True
    compute_dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16"


class Lora(Part):
    """Shape of the adapter; `target_modules` is `all-linear` or a list of module names."""

    r: Positive = 16
    alpha: Positive = 32
    dropout: Share = 0.0
    target_modules: Literal["all-linear"] | tuple[str, ...] = "all-linear"
    use_rslora: bool = False
    use_dora: bool = False


class Train(Part):
    """The training loop; lengths in tokens, `warmup` in steps, or as a share of all steps when below 1."""

    epochs: Annotated[float, Field(gt=0)] = 1.0
    max_steps: Positive | None = None
    batch_size: Positive = 8
    gradient_accumulation: Positive = 1
    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    scheduler: Literal["cosine", "linear", "constant", "constant_with_warmup"] = "cosine"
    warmup: Annotated[float, Field(ge=0)] = 0.03
    optimizer: Optimizer = "adamw_torch_fused"
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    max_length: Annotated[int, Field(ge=8)] = 2048
    packing: bool = False
    completion_only: bool = True
    seed: Annotated[int, Field(ge=0)] = 0
    save_steps: Positive = 100
    eval_steps: Positive | None = 100
    logging_steps: Positive = 10
    gradient_checkpointing: bool = False


class Generate(Part):
    """Decoding, the same for base and tuned; `temperature` and `top_p` count only with `do_sample`."""

    max_new_tokens: Positive = 128
    do_sample: bool = False
    temperature: Annotated[float, Field(gt=0)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0


class Recipe(Part):
    """One experiment: a base model, how it is quantised, adapted, trained and asked."""

    name: Annotated[str, Field(min_length=1)]
    description: str = ""
    base: Annotated[str, Field(min_length=1)]
    quantization: Quantization = Quantization()
    lora: Lora = Lora()
    train: Train = Train()
    generate: Generate = Generate()


_FORM = "see recipes/tiny.yaml for the form"


def load_recipe(path: Path) -> Recipe:
    """Read a recipe file; raises UsageError that names the file and every key that is wrong."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise unknown("recipe", path.stem, (found.stem for found in path.parent.glob("*.yaml"))) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{str(path)!r} is not YAML: {error}", _FORM) from error
    if not isinstance(raw, dict):
        raise UsageError(f"{str(path)!r} holds no keys", _FORM)
    return _checked({"name": path.stem, **raw}, str(path))


def with_overrides(recipe: Recipe, overrides: Iterable[str]) -> Recipe:
    """Return the recipe with `dotted.key=value` overrides applied; raises UsageError with the nearest key."""
    data = recipe.model_dump(mode="json")
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise UsageError(f"override {override!r} has no '='", "write it as train.learning_rate=1e-4")
        _place(data, key.strip(), _value(override, value))
    return _checked(data, "overrides")


def dump(recipe: Recipe) -> str:
    """Return the recipe as YAML, every default spelled out: reading it back gives an equal recipe."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def keys(part: type[BaseModel] = Recipe, prefix: str = "") -> list[str]:
    """Return every dotted key that a recipe has."""
    found = []
    for name, field in part.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Part):
            found += keys(inner, f"{prefix}{name}.")
        else:
            found.append(prefix + name)
    return found


def _value(override: str, text: str) -> Any:  # noqa: ANN401 - any YAML value
    try:
        return yaml.safe_load(text) if text.strip() else ""
    except yaml.YAMLError as error:
        raise UsageError(f"override {override!r} has no YAML value: {error}") from error


def _place(data: dict[str, Any], key: str, value: Any) -> None:  # noqa: ANN401 - any YAML value
    if key not in keys():
        raise unknown("recipe key", key, keys())
    *parents, last = key.split(".")
    for parent in parents:
        data = typing.cast("dict[str, Any]", data[parent])
    data[last] = value


def _checked(data: dict[str, Any], origin: str) -> Recipe:
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise _usage(error, origin) from error


def _usage(error: ValidationError, origin: str) -> UsageError:
    lines, hints = [], []
    for fault in error.errors():
        key = ".".join(str(step) for step in fault["loc"])
        if fault["type"] == "extra_forbidden":
            lines.append(f"unknown key {key!r}")
            hints.append(unknown("recipe key", key, keys()).hint)
        else:
            lines.append(f"{key!r}: {fault['msg']}, got {fault.get('input')!r}")
    hint = "; ".join(dict.fromkeys(hints)) or "correct the value"
    return UsageError(f"recipe {origin!r}: {'; '.join(lines)}", hint)
