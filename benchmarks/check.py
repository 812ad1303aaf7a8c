"""What `workbench check` costs: rules, pandera and each family of flags, on generated records of 320 bytes.

Run: POLARS_MAX_THREADS=1 .venv/bin/python benchmarks/check.py [RECORDS]
Half of the records are French, one in ten says no language. The words are drawn from the sample novella and from the
French lines of the sample corpora, so that letters, accents and function words come as they do in real text.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time

import polars as pl

from workbench.curation.flags.registry import CORPUS_LOOKS, RECORD_LOOKS, Look
from workbench.curation.flags.view import View
from workbench.curation.quality import flag_names
from workbench.schema import Schema, load_schema
from workbench.workspace import samples

RECORDS = 100_000
QUESTION, ANSWER = 80, 236


def words(language: str) -> list[str]:
    """Return running words of a language from the sample sources."""
    if language == "en":
        return (samples() / "corpora" / "novel" / "novella.txt").read_text(encoding="utf-8").split()
    pairs = (samples() / "corpora" / "domain-qa" / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in pairs if line.endswith("}")]
    return [word for row in rows if row["lang"] == "fr" for word in f"{row['question']} {row['answer']}".split()]


def text(source: list[str], size: int, draw: random.Random) -> str:
    """Return running words of at least so many characters from a place drawn at random."""
    start, out, length = draw.randrange(len(source) - size), [], 0
    while length < size:
        word = source[start + len(out)]
        out.append(word)
        length += len(word) + 1
    return " ".join(out)


def frame(schema: Schema, count: int) -> pl.DataFrame:
    """Return so many questions and answers."""
    draw, sources = random.Random(1), {code: words(code) for code in ("en", "fr")}
    rows = []
    for i in range(count):
        code = "fr" if i % 2 else "en"
        question, answer = (text(sources[code], size, draw) for size in (QUESTION, ANSWER))
        rows.append({"question": question, "answer": answer, "lang": code if i % 10 else None})
    return schema.table([dict.fromkeys(schema.columns) | row for row in rows]).with_columns(
        id=pl.int_range(count).cast(pl.String), source=pl.lit("s"), position=pl.int_range(count)
    )


def seconds(look: Look, view: View) -> float:
    """Return the CPU time of one look."""
    began = time.process_time()
    for _ in look(view):
        pass
    return time.process_time() - began


def main() -> None:
    """Print microseconds a record of each part, and what a million records would take."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    schema = load_schema(samples() / "schemas" / "qa.yaml")
    records = frame(schema, count)
    size = records.select(pl.sum_horizontal(pl.col("question", "answer").str.len_bytes()).mean()).item()
    print(f"{count:,} records of {size:.0f} bytes, {len(flag_names())} flags")
    began = time.process_time()
    derived = schema.derived(records)
    for rule in schema.rules:
        derived.filter(~pl.sql_expr(rule.sql))
    schema.frame.validate(records.select(schema.columns), lazy=True)
    rules = time.process_time() - began
    print(f"{'rules and pandera':20} {rules / count * 1e6:8.2f} us   {rules / count * 1e6:6.1f} s a million")
    view, total = View(derived, schema), 0.0
    for look in (*RECORD_LOOKS, *CORPUS_LOOKS):
        spent = seconds(look, view)
        total += spent
        print(f"{look.__name__:20} {spent / count * 1e6:8.2f} us")
    print(f"{'all flags':20} {total / count * 1e6:8.2f} us   {total / count * 1e6:6.1f} s a million")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GB")


if __name__ == "__main__":
    main()
