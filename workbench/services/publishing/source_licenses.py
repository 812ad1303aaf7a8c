"""Under which licence each source of a version stands, and what must be said where the whole leaves under another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from workbench.publish.licenses import UNKNOWN
from workbench.store.catalogue import Row
from workbench.store.store import Store
from workbench.store.versions import Version, state_of

_NAMED_AT_MOST = 3
"""Sources that a note names."""


def sources_of(store: Store, version: Version) -> tuple[dict[str, str | None], ...]:
    """Return name, digest and licence of a version's sources: the source's own, else the corpus', else None."""
    corpus = store.corpus(version.corpus)
    declared = {source.name: source.license for source in corpus.sources}

    def own(name: str, delivery: Row) -> str | None:
        # What corpus.yaml says now may be a correction; of a source that is no longer in it the log knows.
        return declared[name] if name in declared else delivery.body.get("declared", {}).get("license")

    deliveries = state_of(store.catalogue, store.objects, store.kept_schema(version.schema_object), version).deliveries
    return tuple(
        {"name": name, "digest": row.body["digest"], "license": own(name, row) or corpus.license}
        for name, row in deliveries.items()
    )


def license_notes(sources: Iterable[Mapping[str, str | None]], license: str | None) -> Iterator[str]:
    """Yield which sources state another licence than the whole leaves under, or none; what that means is not judged."""
    for stated, named in sorted(_by_license(sources).items(), key=lambda item: item[0] or ""):
        if stated in (None, UNKNOWN):
            yield f"no licence is known of {_listed(named)}: whether this may leave under {license} is yours to say"
        elif stated != license:
            yield f"{stated} is stated of {_listed(named)}: whether this may leave under {license} is yours to say"


def _by_license(sources: Iterable[Mapping[str, str | None]]) -> dict[str | None, list[str]]:
    named: dict[str | None, list[str]] = defaultdict(list)
    for source in sources:
        named[source["license"]].append(str(source["name"]))
    return named


def _listed(names: Sequence[str]) -> str:
    """Return the first few names, and how many there are besides."""
    more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
    return ", ".join(names[:_NAMED_AT_MOST]) + more
