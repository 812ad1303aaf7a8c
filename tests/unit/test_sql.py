"""What no expression over a record may do is refused before polars reads it."""

from __future__ import annotations

import polars as pl
import pytest

from workbench.errors import UsageError
from workbench.sql import expression


@pytest.mark.parametrize(
    "text", ["LPAD(a, 100000000000, 'y') = ''", "length(rpad ( a, 9, 'y')) > 1", "\"lpad\"(a, 9, 'y')"]
)
def test_what_may_ask_for_endless_memory_is_refused(text):
    with pytest.raises(UsageError, match="endless memory"):
        expression(text)


def test_a_text_may_name_what_is_refused():
    frame = pl.DataFrame({"a": ["lpad", "select"]})
    assert frame.select(expression("a IN ('lpad', 'select', 'it''s')"))["a"].all()


@pytest.mark.parametrize(
    "text", ["MAX(a)", "a - avg (a)", "SUM(a) OVER (PARTITION BY b)", '"count"(a) > 1', "COUNT(*)"]
)
def test_what_looks_at_many_records_is_refused(text):
    with pytest.raises(UsageError, match="each record alone"):
        expression(text)


def test_what_looks_at_several_fields_of_a_record_is_not():
    frame = pl.DataFrame({"count": [1, 5], "max": [3, 2]})
    assert frame.select(GREATEST=expression('GREATEST("count", "max")'))["GREATEST"].to_list() == [3, 5]
    assert frame.select(told=expression("count > 2 AND 'MAX(a)' <> 'b'"))["told"].to_list() == [False, True]
