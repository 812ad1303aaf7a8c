"""Tell which topic a text is nearest to, by the words of records whose topic is known."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from workbench.evaluation.metrics.answers import words


@dataclass(frozen=True)
class Topics:
    """How often each topic's records hold each word."""

    counts: Mapping[str, Counter[str]]
    vocabulary: int

    def nearest(self, text: str) -> str:
        """Return the topic that gives a text the highest likelihood; of equals, the first by name."""
        found = words(text)
        return max(sorted(self.counts), key=lambda topic: self._likelihood(topic, found))

    def accuracy(self, known: Iterable[tuple[str, str]]) -> float | None:
        """Return the share of (topic, text) pairs, not learned from, whose topic is found; None without a pair."""
        hits = [self.nearest(text) == topic for topic, text in known if topic in self.counts]
        return sum(hits) / len(hits) if hits else None

    def _likelihood(self, topic: str, found: list[str]) -> float:
        seen = self.counts[topic]
        total = seen.total() + self.vocabulary
        return sum(math.log((seen[word] + 1) / total) for word in found)


def learn_topics(known: Iterable[tuple[str, str]]) -> Topics:
    """Return what (topic, text) pairs tell: multinomial naive Bayes, add-one smoothing, all topics equally likely.

    See Introduction to Information Retrieval (Cambridge University Press, 2008), section 13.2.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for topic, text in known:
        counts[topic].update(words(text))
    return Topics(dict(counts), len({word for seen in counts.values() for word in seen}))
