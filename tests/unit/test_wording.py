"""What pydantic and YAML find is said in words that name neither."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from workbench.wording import explained, yaml_fault


class Inner(BaseModel):
    r: Annotated[int, Field(gt=0)] = 1


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = "x"
    share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    three: tuple[int, int, int] = (1, 2, 3)
    side: Literal["train", "test"] = "train"
    flag: bool = False
    inner: Inner = Inner()

    @field_validator("name")
    @classmethod
    def _short(cls, name: str) -> str:
        if len(name) > 3:
            raise ValueError("is too long")
        return name


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"name": 3}, "name must be a text"),
        ({"name": "long"}, "name is too long"),
        ({"share": -1}, "share must be at least 0"),
        ({"share": 2}, "share must be at most 1"),
        ({"share": float("inf")}, "share must be a finite number"),
        ({"share": "a"}, "share must be a number"),
        ({"three": [1, 2]}, "three.2 is missing"),
        ({"three": "abc"}, "three must be a list"),
        ({"three": [1, 2, 2.5]}, "three.2 must be a whole number"),
        ({"side": "left"}, "side must be 'train' or 'test'"),
        ({"flag": "maybe"}, "flag must be true or false"),
        ({"inner": 3}, "inner must hold keys and values"),
        ({"inner": {"r": 0}}, "inner.r must be above 0"),
        ({"other": 3}, "other is not a known key"),
    ],
    ids=str,
)
def test_a_fault_is_said_in_plain_words(given, read):
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(given)
    assert explained(caught.value.errors()[0]) == read


def test_a_fault_of_yaml_names_its_line_alone():
    with pytest.raises(yaml.YAMLError) as caught:
        yaml.safe_load("a: 1\nb: [1,\n")
    told = yaml_fault(caught.value)
    assert "line" in told and "unicode string" not in told
