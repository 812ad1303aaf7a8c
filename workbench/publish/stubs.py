"""The trainers that an export can be configured for."""

from __future__ import annotations

from workbench.publish.configured import Trainer
from workbench.publish.stub_axolotl import AXOLOTL
from workbench.publish.stub_llama_factory import LLAMA_FACTORY
from workbench.publish.stub_unsloth import UNSLOTH

STUBS: dict[str, Trainer] = {"llama-factory": LLAMA_FACTORY, "axolotl": AXOLOTL, "unsloth": UNSLOTH}
