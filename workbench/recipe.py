"""A recipe: everything that decides how an adapter is trained, as one checked and frozen value."""

from __future__ import annotations

import math
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.errors import UsageError, unknown
from workbench.wording import complaint, dotted_key, yaml_fault

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Optimizer = Literal["adamw_torch_fused", "adamw_torch", "adamw_8bit", "paged_adamw_8bit", "paged_adamw_32bit"]
Number = Literal["bfloat16", "float16", "float32"]
MemoryPlan = Literal["auto", "none", "selective", "full", "offload"]
Tracker = Literal["tensorboard", "trackio", "wandb", "mlflow", "comet_ml", "clearml", "swanlab"]
ALL_LINEAR: Literal["all-linear"] = "all-linear"


class Part(BaseModel):
    """Base of all parts of a recipe: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Quantization(Part):
    """How the frozen base is held in memory."""

    kind: Literal["nf4", "gptq", "none"] = "nf4"
    """`nf4`: 4-bit normal float, made at loading (QLoRA, arXiv 2305.14314). `gptq`: a base that was quantised
    before (arXiv 2210.17323). `none`: as it is stored."""
    double_quant: bool = True
    """Whether NF4's own constants are quantised too; of no meaning for the other kinds."""
    compute_dtype: Number = "bfloat16"
    """What is asked for; a device without it takes its nearest (`workbench.lm.precision`)."""


class Lora(Part):
    """Shape of the adapter (arXiv 2106.09685); `target_modules` is `all-linear` or a list of module names."""

    r: Positive = 16
    alpha: Positive = 32
    dropout: Share = 0.0
    target_modules: Literal["all-linear"] | tuple[str, ...] = ALL_LINEAR
    use_rslora: bool = False
    """Scale by alpha / sqrt(r) instead of alpha / r (arXiv 2312.03732)."""
    use_dora: bool = False
    """Learn the magnitude of each column apart from its direction (arXiv 2402.09353)."""

    @property
    def scale(self) -> float:
        """Return the factor that the adapter's product is added with."""
        return float(self.alpha / (math.sqrt(self.r) if self.use_rslora else self.r))


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
    precision: Number | None = None
    """Mixed precision of the loop, as asked for; None takes `quantization.compute_dtype`."""
    sampling: Literal["random", "group_by_length"] = "random"
    """Order of the records; `group_by_length` fills a batch with records of about one length."""
    max_length: Annotated[int, Field(ge=8)] = 2048
    packing: bool = False
    completion_only: bool = True
    seed: Annotated[int, Field(ge=0)] = 0
    save_steps: Positive = 100
    eval_steps: Positive | None = 100
    logging_steps: Positive = 10
    gradient_checkpointing: bool = False
    """Compute each layer again in the backward pass; counts with `plan: auto`, any other plan wins over it."""
    plan: MemoryPlan = "auto"
    """What is kept in memory for the backward pass (`workbench.training.plan`); `auto` follows from the card."""
    kernels: Literal["auto", "plain"] = "auto"
    """`auto` fuses and compiles the layers on a GPU where the recipe allows it; `plain` never does."""
    shard_base: bool = False
    """Whether several GPUs share the frozen base, each holding a part of it: for one that a single GPU cannot hold."""
    step_down: bool = False
    """Whether a training whose memory is full goes on by itself in less of it, from its last checkpoint."""
    report_to: tuple[Tracker, ...] = ()
    """Who is told besides metrics.jsonl; TensorBoard's events are written wherever it is installed."""

    @property
    def recomputes(self) -> bool:
        """Whether layers are computed again in the backward pass; what `auto` finds on a card is not known here."""
        return self.gradient_checkpointing if self.plan == "auto" else self.plan != "none"


class Generate(Part):
    """Decoding, the same for base and tuned; all but the first two and the penalty count only with `do_sample`."""

    max_new_tokens: Positive = 128
    do_sample: bool = False
    temperature: Annotated[float, Field(gt=0)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    top_k: Positive | None = None
    """How many tokens are drawn from; None means all."""
    repetition_penalty: Annotated[float, Field(gt=0)] = 1.0
    """Divides the scores of tokens that stand there already; 1 leaves them."""
    seed: Annotated[int, Field(ge=0)] = 0


class Recipe(Part):
    """One experiment: a base model, how it is quantised, adapted, trained and asked."""

    name: Annotated[str, Field(min_length=1)]
    description: str = ""
    base: Annotated[str, Field(min_length=1)]
    """`tiny`, a folder, or a Hub id with or without a revision: `owner/name@revision`."""
    template: Literal["auto", "inst", "instruction-response", "none"] = "auto"
    """How turns become text (`workbench.lm.turns`); `auto` is the base's own chat template, else `inst`."""
    quantization: Quantization = Quantization()
    lora: Lora = Lora()
    train: Train = Train()
    generate: Generate = Generate()

    @property
    def shares_base(self) -> bool:
        """Whether several GPUs hold a part of the base each: what GPTQ packed are no parameters, which FSDP shares."""
        return self.train.shard_base and self.quantization.kind != "gptq"


def cautions(recipe: Recipe) -> list[str]:
    """Return what a person should know before this recipe is trained, one sentence each; most recipes need none."""
    lora, train = recipe.lora, recipe.train
    said = {
        f"lora.r={lora.r} has room for thousands of records: a few hundred are learned by heart": lora.r >= _LARGE_RANK,
        f"lora.alpha={lora.alpha} at lora.r={lora.r} scales the adapter by {lora.scale:g}: use_rslora, or a larger"
        " alpha, lets it learn": lora.scale < 0.5,
        "train.scheduler=constant ignores train.warmup: say constant_with_warmup": train.scheduler == "constant"
        and train.warmup > 0,
        f"train.plan={train.plan} wins over train.gradient_checkpointing=true: every activation is kept": train.plan
        == "none"
        and train.gradient_checkpointing,
        "train.shard_base=true shares nothing of a GPTQ base: every GPU holds all of it": train.shard_base
        and not recipe.shares_base,
        f"train.epochs={train.epochs:g}: every record is seen that often; watch the validation loss": train.epochs
        >= _MANY_EPOCHS
        and train.max_steps is None,
    }
    return [sentence for sentence, is_so in said.items() if is_so]


_LARGE_RANK = 128
_MANY_EPOCHS = 20

_FORM = "see recipes/tiny.yaml for the form"


def load_recipe(path: Path) -> Recipe:
    """Read a recipe file; raises UsageError that names the file and every key that is wrong."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise unknown("recipe", path.stem, (found.stem for found in path.parent.glob("*.yaml"))) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{str(path)!r} is not UTF-8 text", _FORM) from error
    except yaml.YAMLError as error:
        raise UsageError(f"{str(path)!r} is not YAML: {yaml_fault(error)}", _FORM) from error
    if not isinstance(raw, dict):
        raise UsageError(f"{str(path)!r} holds no keys", _FORM)
    return _checked({"name": path.stem, **raw}, f"recipe {str(path)!r}")


def with_overrides(recipe: Recipe, overrides: Iterable[str]) -> Recipe:
    """Return the recipe with `dotted.key=value` overrides applied; raises UsageError with the nearest key."""
    data = recipe.model_dump(mode="json")
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise UsageError(f"override {override!r} has no '='", "write it as train.learning_rate=1e-4")
        _place(data, key.strip(), _value(override, value))
    return _checked(data, "the recipe as set")


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
        raise UsageError(f"override {override!r} has no YAML value: {yaml_fault(error)}") from error


def _place(data: dict[str, Any], key: str, value: Any) -> None:  # noqa: ANN401 - any YAML value
    if key not in keys():
        raise unknown("recipe key", key, keys())
    *parents, last = key.split(".")
    for parent in parents:
        data = typing.cast("dict[str, Any]", data[parent])
    data[last] = value


def _checked(data: dict[str, Any], origin: str) -> Recipe:
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        raise _usage(error, origin) from error
    # PEFT looks for linear layers, and finds none among GPTQ's.
    if recipe.quantization.kind == "gptq" and recipe.lora.target_modules == ALL_LINEAR:
        hint = "name the modules: lora.target_modules=[q_proj, v_proj]"
        raise UsageError(f"{origin}: all-linear finds no layer of a GPTQ base", hint)
    return recipe


def _usage(error: ValidationError, origin: str) -> UsageError:
    lines, hints = [], []
    for found in error.errors():
        key = dotted_key(found)
        if found["type"] == "extra_forbidden":
            lines.append(f"unknown key {key!r}")
            hints.append(unknown("recipe key", key, keys()).hint)
        else:
            got = "" if found["type"] == "missing" else f", got {found.get('input')!r}"
            lines.append(f"{key!r} {complaint(found)}{got}")
    hint = "; ".join(dict.fromkeys(hints)) or "correct the value"
    return UsageError(f"{origin}: {'; '.join(lines)}", hint)
