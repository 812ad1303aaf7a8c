"""A licence is required and must be one that the Hub knows."""

from __future__ import annotations

import pytest

from workbench.errors import UsageError
from workbench.publish.licenses import checked_license


@pytest.mark.parametrize("name", ["cc-by-4.0", "apache-2.0", "other"])
def test_a_known_licence_passes(name):
    assert checked_license(name) == name


def test_a_misspelt_licence_is_answered_with_the_nearest():
    with pytest.raises(UsageError) as caught:
        checked_license("CC-BY-4")
    assert "cc-by-4.0" in caught.value.hint


@pytest.mark.parametrize("missing", [None, ""])
def test_there_is_no_default_licence(missing):
    with pytest.raises(UsageError, match="no licence"):
        checked_license(missing)
