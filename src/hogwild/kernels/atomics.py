"""What several threads need to agree inside a kernel: atomic cells, spin locks, a barrier that can be stopped.

Numba has no CPU atomics, so four intrinsics emit LLVM's. All cells are int64 or uint32 array elements.
"""

from __future__ import annotations

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from hogwild.kernels.compiling import INNER
from hogwild.memory import ARRIVED, PHASE, STOP


def _address(context, builder, array_type, array, index):  # type: ignore[no-untyped-def]
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])


@intrinsic
def atomic_load(typing, array, index):  # type: ignore[no-untyped-def]
    """array[index], seen in order with the other atomics."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        cell = _address(context, builder, signature.args[0], *arguments)
        return builder.load_atomic(cell, "seq_cst", array.dtype.bitwidth // 8)

    return array.dtype(array, index), generate


@intrinsic
def atomic_store(typing, array, index, value):  # type: ignore[no-untyped-def]
    """array[index] = value, after all that this thread wrote before."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        cell = _address(context, builder, signature.args[0], arguments[0], arguments[1])
        stored = context.cast(builder, arguments[2], signature.args[2], array.dtype)
        builder.store_atomic(stored, cell, "seq_cst", array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, index, value), generate


@intrinsic
def atomic_add(typing, array, index, value):  # type: ignore[no-untyped-def]
    """array[index] += value; returns what was there before."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        cell = _address(context, builder, signature.args[0], arguments[0], arguments[1])
        added = context.cast(builder, arguments[2], signature.args[2], array.dtype)
        return builder.atomic_rmw("add", cell, added, "seq_cst")

    return array.dtype(array, index, value), generate


@intrinsic
def atomic_swap(typing, array, index, value):  # type: ignore[no-untyped-def]
    """array[index] = value; returns what was there before."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        cell = _address(context, builder, signature.args[0], arguments[0], arguments[1])
        stored = context.cast(builder, arguments[2], signature.args[2], array.dtype)
        return builder.atomic_rmw("xchg", cell, stored, "seq_cst")

    return array.dtype(array, index, value), generate


@intrinsic
def _pause(typing):  # type: ignore[no-untyped-def]
    """Give the processor to another thread: with more threads than cores the awaited one may not be running."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        import sys

        from numba.core import cgutils

        name = "SwitchToThread" if sys.platform == "win32" else "sched_yield"
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [])
        return context.get_dummy_value()

    return types.void(), generate


@njit(**INNER)
def wait_for(cells, index, value, control):  # type: ignore[no-untyped-def]
    """Spin until cells[index] == value; False if the run was told to stop meanwhile."""
    spins = 0
    while atomic_load(cells, index) != value:
        if atomic_load(control, STOP) != 0:
            return False
        spins += 1
        if spins > 200:
            _pause()
    return True


@njit(**INNER)
def barrier(size, control):  # type: ignore[no-untyped-def]
    """Wait for all `size` threads; False if the run was told to stop meanwhile (then some may not have come)."""
    phase = atomic_load(control, PHASE)
    if atomic_add(control, ARRIVED, 1) == size - 1:
        atomic_store(control, ARRIVED, 0)
        atomic_store(control, PHASE, phase + 1)
        return atomic_load(control, STOP) == 0
    return wait_for(control, PHASE, phase + 1, control)


@njit(**INNER)
def lock(locks, j, control):  # type: ignore[no-untyped-def]
    """Take the spin lock of variable j; False if the run was told to stop meanwhile."""
    spins = 0
    while atomic_swap(locks, j, 1) != 0:
        if atomic_load(control, STOP) != 0:
            return False
        spins += 1
        if spins > 200:
            _pause()
    return True


@njit(**INNER)
def unlock(locks, j):  # type: ignore[no-untyped-def]
    """Give the spin lock of variable j back."""
    atomic_store(locks, j, 0)
