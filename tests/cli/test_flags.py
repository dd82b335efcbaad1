"""Parameters in the words of the command line."""

import pytest

from hogwild.cli.flags import in_flags

FLAGS = {"fetch": "--fetch", "push_every": "--push-every", "latency_s": "--latency", "deterministic": "--deterministic"}


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("latency_s=-1.0 must be at least 0", "--latency -1.0 must be at least 0"),
        ('fetch="rows" wants push_every=1', "--fetch rows wants --push-every 1"),
        ("fetch='a b' and push_every, not other_name=3", "--fetch a b and --push-every, not other_name=3"),
        ("deterministic=True cannot be kept: use fetch='wait'", "--deterministic cannot be kept: use --fetch wait"),
        ("a fetch of fetches, deterministic or not", "a fetch of fetches, deterministic or not"),
    ],
)
def test_parameters_become_flags_and_words_stay(sentence, words):
    assert in_flags(sentence, FLAGS) == words
