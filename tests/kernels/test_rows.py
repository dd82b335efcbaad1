"""The loops over rows exist inside kernels only; what they compute is tested through whole kernels."""

import pytest

from hogwild.kernels.rows import add, dot, ease, prefetch


@pytest.mark.parametrize("function", [dot, add, ease, prefetch])
def test_outside_kernels_they_say_so(function):
    arguments = [None] * function.__code__.co_argcount
    with pytest.raises(TypeError, match=r"exists inside compiled kernels only"):
        function(*arguments)
