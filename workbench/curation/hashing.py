"""Hashes of bytes as their specifications have them, compiled. Import it inside functions only.

Loops of other files may call these, although numba does not compile a loop anew when it is not its own file that
changed: these have no reason to change.
"""
# mypy: disallow-untyped-decorators=False, disable-error-code="no-untyped-call,no-any-return,import-untyped"

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types, uint32
from numba.extending import intrinsic

from workbench.curation.compiled import Bytes, jit

_P1, _P2, _P3, _P4, _P5 = (np.uint32(p) for p in (2654435761, 2246822519, 3266489917, 668265263, 374761393))
inline = njit(inline="always")
AHEAD = 4
"""Bytes behind those to be hashed that are read, though they do not count."""


@intrinsic
def load32(context: Any, data: Any, place: Any) -> Any:  # noqa: ANN401 - numba's own types
    """Load 32 bits at any place: twice as fast as putting bytes together."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ANN401
        base = context.make_array(signature.args[0])(context, builder, args[0]).data
        at = builder.gep(base, [args[1]])
        loaded = builder.load(builder.bitcast(at, ir.IntType(32).as_pointer()))
        loaded.align = 1
        return loaded

    return types.uint32(data, types.int64), generate


@inline
def _turn(x: Any, by: Any) -> Any:  # noqa: ANN401
    return uint32(uint32(x << uint32(by)) | uint32(x >> uint32(32 - by)))


@inline
def _round(lane: Any, word: Any) -> Any:  # noqa: ANN401
    return uint32(_turn(uint32(lane + uint32(word * _P2)), 13) * _P1)


@jit
def xxh32(data: Bytes, start: int, stop: int) -> int:
    """Return xxHash32 (seed 0) of some bytes, as the specification of xxHash has it; AHEAD more must stand behind.

    What is left of a stripe is hashed without branches: guessing how much that is takes longer than to hash it.
    """
    i = start
    if stop - start >= 16:
        one, two, three, four = uint32(_P1 + _P2), uint32(_P2), uint32(0), uint32(uint32(0) - _P1)
        while i + 16 <= stop:
            one, two = _round(one, load32(data, i)), _round(two, load32(data, i + 4))
            three, four = _round(three, load32(data, i + 8)), _round(four, load32(data, i + 12))
            i += 16
        h = uint32(_turn(one, 1) + _turn(two, 7) + _turn(three, 12) + _turn(four, 18))
    else:
        h = uint32(_P5)
    h = uint32(h + uint32(stop - start))
    for _ in range(3):
        with_word = uint32(_turn(uint32(h + uint32(load32(data, i) * _P3)), 17) * _P4)
        here = i + 4 <= stop
        h = with_word if here else h
        i = i + 4 if here else i
    rest = load32(data, i)
    for _ in range(3):
        with_byte = uint32(_turn(uint32(h + uint32((rest & uint32(255)) * _P5)), 11) * _P1)
        h = with_byte if i < stop else h
        i += 1
        rest = rest >> uint32(8)
    h = uint32((h ^ (h >> uint32(15))) * _P2)
    h = uint32((h ^ (h >> uint32(13))) * _P3)
    return uint32(h ^ (h >> uint32(16)))


@inline
def mixed(h: Any) -> Any:  # noqa: ANN401
    """Return MurmurHash3's 32-bit finalizer, which datasketch's affine32 puts before its permutations."""
    h = uint32(uint32(h ^ (h >> uint32(16))) * uint32(0x85EBCA6B))
    h = uint32(uint32(h ^ (h >> uint32(13))) * uint32(0xC2B2AE35))
    return uint32(h ^ (h >> uint32(16)))
