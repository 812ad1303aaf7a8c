"""What passes before a training takes its steps, in words."""

from __future__ import annotations

from collections.abc import Mapping

START = "start"
"""Key of run.json under which the seconds stand."""
XRAY = "xray_s"
_PARTS = {
    XRAY: "records to tokens",
    "load_s": "base loaded",
    "look_s": "looked at",
    "first_step_s": "first step",
    "second_step_s": "second step",
}
"""Every part in its order, and what it is called."""


def in_words(seconds: Mapping[str, float]) -> str:
    """Return the parts that are known, in seconds; what the first step takes beyond the second one is compiling."""
    return ", ".join(f"{told} {seconds[name]:.1f} s" for name, told in _PARTS.items() if name in seconds)
