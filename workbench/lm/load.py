"""Load a base model in 4 bits or plain, put an adapter on it, and keep both correct on a CPU."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workbench.errors import OutsideError, UsageError, unknown
from workbench.lm.precision import runs_as

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel

# Read once, when transformers and trl are first imported, which here only happens inside functions.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

Quantization = Literal["nf4", "gptq", "none"]
_KINDS = ("nf4", "gptq", "none")
_DTYPES = ("bfloat16", "float16", "float32")


def go_offline() -> None:
    """Forbid a training or evaluation process the Hub; to be called before transformers is imported.

    Every load here is local anyway; this also stops libraries that look for kernels by themselves.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"


def quieten() -> None:
    """Switch off transformers' progress bars and bitsandbytes' note about an optional package."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def device() -> str:
    """Return where this process computes: its own GPU (`cuda:<local rank>`), or `cpu`."""
    import torch

    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"


def base_folder(path_or_id: str | Path) -> Path:
    """Return the folder of a base: the path itself, or the snapshot of `owner/name[@revision]` on this machine.

    Raises UsageError for a path that is not there and OutsideError for a Hub id that was never fetched.
    """
    name = str(path_or_id)
    if Path(name).is_dir():
        return Path(name)
    if isinstance(path_or_id, Path) or name.startswith(("/", "./", "../", "~")) or name.count("/") > 1:
        hint = "name a folder that holds config.json, or a Hub id such as 'owner/name'"
        raise UsageError(f"no base at {name!r}", hint)
    return _cached_snapshot(name)


BASE_FILES = ("*.safetensors", "*.json", "*.jinja", "tokenizer.model")
"""What a base consists of here; weights in pickles and code of its own are never fetched."""


def _cached_snapshot(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    repository, _, revision = name.partition("@")
    try:
        kept = snapshot_download(
            repository, revision=revision or None, local_files_only=True, allow_patterns=list(BASE_FILES)
        )
    except HFValidationError as error:
        hint = "a Hub id reads 'owner/name' or 'owner/name@revision'"
        raise UsageError(f"{name!r} is neither a folder nor a Hub id", hint) from error
    except LocalEntryNotFoundError as error:
        hint = f"fetch it where there is a network: workbench base fetch {name}; or name the folder it lies in"
        raise OutsideError(f"the base {name!r} is not on this machine", hint) from error
    return Path(kept)


def load_base(
    path_or_id: str | Path,
    *,
    quantization: Quantization = "nf4",
    double_quant: bool = True,
    compute_dtype: str = "bfloat16",
    device: str | None = None,
    divisible: bool = False,
) -> PreTrainedModel:
    """Load a base with every weight frozen, on `device` (default: this process's own).

    Safetensors only, no network, no remote code. With "nf4" the linear layers are 4-bit (bitsandbytes) and
    norms and embeddings stay in `compute_dtype`, or in what the device has for it (`lm.precision`): no upcast,
    which would cost a quarter of the speed. "gptq" loads a base that was quantised so, and no other. A `divisible`
    one holds its 4 bits under the name of float32, for FSDP shares out no bytes before torch 2.13. Not of bfloat16:
    on GPUs its numbers are copied by way of float32, and what reads as a NaN, one in a thousand, comes back changed.
    """
    from transformers import AutoModelForCausalLM

    quieten()
    place = device or _own_device()
    # What is shared out is loaded on the host, and computes on this process's own device.
    dtype = _dtype(runs_as(compute_dtype, _own_device() if divisible else place))
    folder = base_folder(path_or_id)
    with _loading(path_or_id):
        check_stored(folder, quantization)
        check_package(quantization)
        bits = _bits(quantization, double_quant, dtype, _dtype("float32") if divisible else None)
        loaded = AutoModelForCausalLM.from_pretrained(
            str(folder),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            device_map={"": place},
            dtype=dtype,
            **({} if bits is None else {"quantization_config": bits}),
        )
    model: PreTrainedModel = loaded.requires_grad_(False)
    fix_bnb_cpu(model)
    return model


_own_device = device
"""`device` under a name that the keyword of `load_base` does not hide."""


def _dtype(name: str) -> torch.dtype:
    import torch

    if name not in _DTYPES:
        raise unknown("compute dtype", name, _DTYPES)
    found: torch.dtype = getattr(torch, name)
    return found


def _bits(quantization: Quantization, double_quant: bool, dtype: torch.dtype, storage: torch.dtype | None) -> Any:  # noqa: ANN401 - the library's own type
    if quantization == "none":
        return None
    from transformers import BitsAndBytesConfig, GPTQConfig

    if quantization == "gptq":
        # The other kernels have no gradient, or a wrong one.
        return GPTQConfig(bits=4, backend="auto_trainable")
    # The library's own defaults are fp4 and float32: worse and slower.
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=double_quant,
        bnb_4bit_compute_dtype=dtype,
        bnb_4bit_quant_storage=storage,
    )


def check_stored(folder: Path, quantization: Quantization) -> None:
    """Refuse a base that is stored in another form than a recipe says; raises UsageError with the cure."""
    if quantization not in _KINDS:
        raise unknown("quantization", quantization, _KINDS)
    stored = _stored_kind(folder)
    if stored in ("", "gptq") and (quantization == "gptq") == (stored == "gptq"):
        return
    told = f"is stored quantised by {stored}" if stored else "is not quantised"
    raise UsageError(f"the base in {folder.name!r} {told}, and the recipe says {quantization}", _stored_cure(stored))


def _stored_cure(stored: str) -> str:
    if stored == "gptq":
        return "set quantization.kind=gptq and name lora.target_modules, or name the base in full precision"
    if stored:
        return "name the same base in full precision: nf4 is made of it at loading"
    return "set quantization.kind=nf4, or name a base that is stored quantised by gptq"


def check_package(quantization: Quantization) -> None:
    """Raise UsageError where a form of base needs a package that is not installed."""
    if quantization == "gptq" and find_spec("gptqmodel") is None:
        raise UsageError(
            "a GPTQ base needs the package gptqmodel", "in an environment of its own: pip install 'workbench[gptq]'"
        )


def _stored_kind(folder: Path) -> str:
    config = read_config(folder) if (folder / "config.json").is_file() else {}
    return str((config.get("quantization_config") or {}).get("quant_method", ""))


_PARTS = ("text_config", "quantization_config")
"""Keys of a config.json that hold an object, where they are there."""


def read_config(folder: Path) -> dict[str, Any]:
    """Return the config.json of a base; raises UsageError for one that is damaged, as one of the Hub may be."""
    reason = "config.json is no JSON object"
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = f"config.json: {error}"
        config = None
    if not isinstance(config, dict) or not all(isinstance(config.get(key) or {}, dict) for key in _PARTS):
        raise UsageError(f"the base {str(folder)!r} does not load: {reason}", "fetch or copy the base again")
    return config


class MemoryFullError(OutsideError):
    """A device, or the machine, has too little memory for what was to be computed."""


@contextmanager
def enough_memory(what: str, hint: str) -> Iterator[None]:
    """Turn a device, or a CPU, without memory left into one clear message that says what to change."""
    import torch

    try:
        yield
    except (RuntimeError, MemoryError) as error:
        # Only torch's own allocator on a GPU has an error of its own for this; all else has a sentence.
        told = any(sentence in str(error) for sentence in _FULL)
        if not told and not isinstance(error, (torch.OutOfMemoryError, MemoryError)):
            raise
        raise MemoryFullError(f"too little device memory for {what}", hint) from error


_FULL = ("DefaultCPUAllocator: ", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


@contextmanager
def _loading(path_or_id: str | Path) -> Iterator[None]:
    from safetensors import SafetensorError

    hint = "free the device, load the base in 4 bits (nf4), or use a smaller one"
    try:
        with enough_memory(f"the base {str(path_or_id)!r}", hint):
            yield
    except MemoryFullError as error:
        # Only what is full while it computes fits after a step down: a base is as large the next time.
        raise OutsideError(error.what, error.hint) from error.__cause__
    except (OSError, ValueError, SafetensorError) as error:
        reason = str(error).partition("\n")[0]
        hint = "a base is config.json and safetensors files, of an architecture that transformers knows"
        raise UsageError(f"the base {str(path_or_id)!r} does not load: {reason}", hint) from error


FIRST_ADAPTER = "default"
"""The name that PEFT gives the adapter a model is made with."""


def attach_adapter(model: PreTrainedModel, folder: Path, *, trainable: bool = False) -> PeftModel:
    """Put the LoRA adapter in `folder` on a loaded base, its weights in float32 (so that resume is exact)."""
    from peft import PeftModel

    _check_adapter(folder)
    tuned = PeftModel.from_pretrained(model, str(folder), is_trainable=trainable, local_files_only=True)
    to_float32(tuned)
    fix_bnb_cpu(tuned)
    return tuned


def add_adapter(tuned: PeftModel, folder: Path, name: str) -> None:
    """Put a further adapter on a base that has one, for inference; the one that computes stays the one before."""
    _check_adapter(folder)
    tuned.load_adapter(str(folder), name, local_files_only=True)
    to_float32(tuned)


def _check_adapter(folder: Path) -> None:
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if not (folder / name).is_file():
            what = f"no adapter in {str(folder)!r}: {name} is missing"
            raise UsageError(what, "name the adapter folder of a run that has finished")


def to_float32(model: torch.nn.Module) -> None:
    """Hold the adapter's weights in float32: trl leaves them in bfloat16, and then resume drifts."""
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.float()


def fix_bnb_cpu(model: torch.nn.Module) -> None:
    """Switch off bitsandbytes' inference packing on AVX512-BF16 CPUs; harmless elsewhere.

    After one forward in eval mode the packed layer trains through a kernel without autograd: gradients are
    silently wrong (cosine 0.17 to the true ones with 0.50.2). To be called after every load and every reload.
    """
    import bitsandbytes

    for module in model.modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            module.support_avx512bf16_for_cpu = False
