"""What can be known of a recipe on its base before anything is loaded: layers, arithmetic, memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from workbench.errors import UsageError
from workbench.lm.load import check_package, check_stored, read_config
from workbench.lm.precision import runs_as
from workbench.recipe import ALL_LINEAR, Recipe
from workbench.services.training.checks import Check, fine, minded, refused
from workbench.services.training.device import Gpu

_GIB = 2**30
_FEED_FORWARD = ("mlp", "feed_forward", "ffn", "block_sparse_moe")
"""Names of the part of a layer that is not attention."""


def base_checks(recipe: Recipe, folder: Path | None, gpus: Sequence[Gpu]) -> Iterator[Check]:
    """Yield what is found of a recipe on the base in a folder and on these GPUs; without a folder, less."""
    if folder is not None:
        yield stored(recipe, folder)
        yield targets(recipe, modules_of(folder))
    yield arithmetic(recipe, gpus)
    if folder is not None and gpus:
        yield memory(recipe, folder, gpus)


def stored(recipe: Recipe, folder: Path) -> Check:
    """Compare the form that a base is stored in with the one that the recipe says.

    Raises UsageError for a base whose config.json is damaged.
    """
    kind = recipe.quantization.kind
    read_config(folder)  # a damaged one is no matter of its form
    try:
        check_stored(folder, kind)
    except UsageError as error:
        return refused("stored form", "stored-otherwise", error.what, error.hint)
    try:
        check_package(kind)
    except UsageError as error:
        return refused("stored form", "gptq-package", error.what, error.hint)
    return fine("stored form", "quantised by GPTQ" if kind == "gptq" else "in full precision")


def modules_of(folder: Path) -> tuple[str, ...]:
    """Return the names of all modules that have weights, from the headers of a base's safetensors.

    Raises UsageError for a file that is damaged.
    """
    from safetensors import SafetensorError, safe_open

    names: set[str] = set()
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="numpy") as file:
                names |= {key.rpartition(".")[0] for key in file.keys()}
        except (OSError, SafetensorError) as error:
            raise UsageError(f"{str(path)!r} cannot be read: {error}", "fetch or copy the base again") from error
    return tuple(sorted(names))


def targets(recipe: Recipe, modules: Sequence[str]) -> Check:
    """Say which modules the adapter changes; a name that the base lacks would be passed over silently."""
    wanted = recipe.lora.target_modules
    if wanted == ALL_LINEAR:
        return fine("adapter", f"LoRA r {recipe.lora.r} on every linear layer")
    absent = [name for name in wanted if not any(_ends_with(module, name) for module in modules)]
    if absent:
        ends = {module.rpartition(".")[2] for module in modules if ".layers." in f".{module}."}
        there = ", ".join(sorted(end for end in ends if "norm" not in end))
        return refused(
            "adapter", "target-absent", f"no module of the base is called {', '.join(absent)}; it has {there}"
        )
    changed = [module for module in modules if any(_ends_with(module, name) for name in wanted)]
    said = f"LoRA r {recipe.lora.r} on {', '.join(wanted)}: {len(changed):,} modules"
    has_others = any(_is_feed_forward(module) for module in modules)
    if has_others and not any(map(_is_feed_forward, changed)):
        return minded("adapter", "attention-only", f"{said}, all of them attention")
    return fine("adapter", said)


def _ends_with(module: str, name: str) -> bool:
    return module == name or module.endswith(f".{name}")


def _is_feed_forward(module: str) -> bool:
    return not set(module.split(".")).isdisjoint(_FEED_FORWARD)


def arithmetic(recipe: Recipe, gpus: Sequence[Gpu]) -> Check:
    """Say which number format is computed in."""
    kind, asked = recipe.quantization.kind, recipe.quantization.compute_dtype
    loop = recipe.train.precision or asked
    runs = asked if gpus else runs_as(asked, "cpu")
    said = f"{kind if kind != 'none' else 'base as stored'}, computing in {runs}"
    if kind != "none" and asked == "float32":
        return minded("arithmetic", "slow-arithmetic", said)
    # Without a GPU float16 is not run at all: `workbench.lm.precision` takes bfloat16, which is no danger.
    if gpus and "float16" in (asked, loop):
        return minded("arithmetic", "float16", f"{said}, with a loop in {loop}")
    return fine("arithmetic", said)


def memory(recipe: Recipe, folder: Path, gpus: Sequence[Gpu]) -> Check:
    """Compare the estimate of the plan that would be chosen with what the fullest of the GPUs has free."""
    from workbench.training.memory import choose, estimate, read_shape

    try:
        shape = read_shape(folder)
    except KeyError as error:
        return fine("memory", f"not estimated: config.json tells no {error.args[0]}")
    free = min(gpu.total - gpu.used for gpu in gpus)
    plan = choose(shape, recipe, free, len(gpus))
    need = estimate(shape, recipe, plan, len(gpus)).total
    said = (
        f"about {need / _GIB:.1f} of {free / _GIB:.1f} GiB free, keeping {plan.checkpointing} at {plan.tokens:,} tokens"
    )
    return refused("memory", "device-memory", said) if need > free else fine("memory", said)
