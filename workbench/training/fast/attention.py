"""Attention over packed records through torch's own kernel for rows of many lengths, as a transformers backend."""

from __future__ import annotations

import inspect
from typing import Any, cast

from torch import Tensor, nn
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import flash_attention_mask

PACKED = "workbench_packed"
"""The backend's name among transformers' own."""

_SHARES_KEYS = "enable_gqa" in inspect.signature(varlen_attn).parameters
"""Whether this torch lets several query heads share a key by itself."""


def register() -> None:
    """Make the backend known to transformers."""
    AttentionInterface.register(PACKED, attend)
    AttentionMaskInterface.register(PACKED, flash_attention_mask)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    *,
    cu_seq_lens_q: Tensor,
    max_length_q: int,
    **_: Any,  # noqa: ANN401 - what other backends need
) -> tuple[Tensor, None]:
    """Return (the attention of each record over itself alone (1, T, heads, width), no weights).

    The row holds records end to end, `cu_seq_lens_q` where they begin and end. Causal, within `sliding_window`.
    """
    queries, keys, values = (part[0].transpose(0, 1) for part in (query, key, value))
    bounds, longest = cu_seq_lens_q, max_length_q
    window = (sliding_window - 1 if sliding_window else -1, 0)
    shared = queries.shape[1] // keys.shape[1]
    if shared > 1 and not _SHARES_KEYS:
        keys, values = keys.repeat_interleave(shared, 1), values.repeat_interleave(shared, 1)
    more: dict[str, Any] = {"enable_gqa": shared > 1} if _SHARES_KEYS else {}
    attended = varlen_attn(
        queries, keys, values, bounds, bounds, longest, longest, scale=scaling, window_size=window, **more
    )
    return cast("Tensor", attended)[None], None
