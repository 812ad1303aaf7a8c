"""Facts about the judge of topics: it knows a text by the words of records with a topic."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.evaluation.topics import learn_topics

KNOWN = [("Losses", "cross entropy of classes"), ("Losses", "hinge and entropy"), ("Optimizers", "Adam keeps moments")]


def test_a_text_is_nearest_to_the_topic_whose_words_it_shares():
    topics = learn_topics(KNOWN)
    assert topics.nearest("What is entropy?") == "Losses"
    assert topics.nearest("Which moments does ADAM keep?") == "Optimizers"


def test_accuracy_counts_only_topics_that_were_learned():
    topics = learn_topics(KNOWN)
    assert topics.accuracy([("Losses", "entropy"), ("Optimizers", "entropy"), ("Kernels", "a kernel")]) == 0.5
    assert topics.accuracy([("Kernels", "a kernel")]) is None


@given(st.text(max_size=40))
def test_every_text_has_a_topic(text):
    assert learn_topics(KNOWN).nearest(text) in {"Losses", "Optimizers"}
