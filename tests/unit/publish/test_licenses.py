"""A licence is required and must be one that the Hub knows."""

from __future__ import annotations

import pytest

from workbench.errors import UsageError
from workbench.publish.licenses import checked_license


@pytest.mark.parametrize("name", ["cc-by-4.0", "apache-2.0", "other"])
def test_a_known_licence_passes(name):
    assert checked_license(name) == name


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CC-BY-4", "cc-by-4.0"),
        ("ccby", "cc-by-4.0"),
        ("CC BY SA 4.0", "cc-by-sa-4.0"),
        ("Apache", "apache-2.0"),
        ("MITT", "mit"),
    ],
)
def test_a_misspelt_licence_is_answered_with_the_nearest(name, meant):
    with pytest.raises(UsageError) as caught:
        checked_license(name)
    assert f"did you mean {meant!r}?" in caught.value.hint


@pytest.mark.parametrize("name", ["?", "entirely my own terms"])
def test_a_licence_that_is_like_no_other_is_answered_with_the_list(name):
    with pytest.raises(UsageError) as caught:
        checked_license(name)
    assert caught.value.hint.startswith("the identifiers are listed at")


@pytest.mark.parametrize("missing", [None, ""])
def test_there_is_no_default_licence(missing):
    with pytest.raises(UsageError, match="no licence"):
        checked_license(missing)
