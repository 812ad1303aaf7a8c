"""The small base and the prepared runs of the training tests, here on a GPU."""

from __future__ import annotations

from tests.unit.training.conftest import base, prepared

__all__ = ["base", "prepared"]
