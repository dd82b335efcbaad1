"""Rows as kernels read them: three layouts behind the same five functions.

`dot`, `add`, `norm2`, `ease` and `prefetch` are chosen by type when a kernel is compiled: each kernel is written once,
and its loops test nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

from hogwild.kernels.compiling import INNER, ORDERED

ONE, TWO, THREE, FOUR = map(np.uint64, (1, 2, 3, 4))  # unsigned plus a plain 1 would be signed


# Rows between the one that is learnt and the one whose bytes are asked for. The chip's own prefetcher is slower: this
# saves a tenth of an epoch.
AHEAD = 4
LINE = np.uint64(16)  # entries of 4 bytes in a cache line
LONGEST = np.uint64(128)  # entries of a row that are asked for; more would push out what is in use


class SparseRows(NamedTuple):
    """CSR. Indices are *unsigned*: signed ones keep Numba's wrap-around, and the gather does not vectorise."""

    indptr: NDArray[np.uint64]  # (n + 1,)
    indices: NDArray[np.unsignedinteger]  # (nnz,) uint32 or uint64
    values: NDArray[np.floating]  # (nnz,)
    targets: NDArray[np.floating]  # (n,)
    weights: NDArray[np.floating]  # (n,) sample weights, mean 1


class RelaxedRows(NamedTuple):
    """CSR with a step factor for each column."""

    indptr: NDArray[np.uint64]
    indices: NDArray[np.unsignedinteger]
    values: NDArray[np.floating]
    targets: NDArray[np.floating]
    weights: NDArray[np.floating]
    relax: NDArray[np.floating]  # (d,)


class DenseRows(NamedTuple):
    """A C-contiguous matrix, read as `values - centre`."""

    values: NDArray[np.floating]  # (n, d)
    centre: NDArray[np.floating]  # (d,)
    targets: NDArray[np.floating]  # (n,)
    weights: NDArray[np.floating]  # (n,)
    relax: NDArray[np.floating]  # (d,)


Rows = SparseRows | RelaxedRows | DenseRows


def dot(rows, i, w):  # type: ignore[no-untyped-def]
    """Row i times w, in the rows' own precision. Inside kernels only."""
    raise TypeError("dot() exists inside compiled kernels only")


def add(rows, i, w, step):  # type: ignore[no-untyped-def]
    """w += step * relax * row i. Inside kernels only."""
    raise TypeError("add() exists inside compiled kernels only")


def norm2(rows, i):  # type: ignore[no-untyped-def]
    """|row i|^2 in the metric of the step factors, in float64. Inside kernels only."""
    raise TypeError("norm2() exists inside compiled kernels only")


def ease(rows, j):  # type: ignore[no-untyped-def]
    """The step factor of column j: relax[j], or 1. Inside kernels only."""
    raise TypeError("ease() exists inside compiled kernels only")


def prefetch(rows, i):  # type: ignore[no-untyped-def]
    """Ask for the bytes of row i, which will be wanted soon. Inside kernels only."""
    raise TypeError("prefetch() exists inside compiled kernels only")


def is_sparse(rows: types.Type) -> bool:
    """For @overload: are these (Numba-typed) rows sparse?"""
    return getattr(rows, "instance_class", None) in (SparseRows, RelaxedRows)


def is_relaxed(rows: types.Type) -> bool:
    """For @overload: do these (Numba-typed) rows have step factors?"""
    return getattr(rows, "instance_class", None) is not SparseRows


@njit(**INNER)
def _dense_dot(rows, i, w):  # type: ignore[no-untyped-def]
    p = rows.values.dtype.type(0)
    for j in range(rows.values.shape[1]):
        p += (rows.values[i, j] - rows.centre[j]) * w[j]
    return p


@overload(dot, jit_options=ORDERED)
def _dot(rows, i, w):  # type: ignore[no-untyped-def]
    if not is_sparse(rows):
        return lambda rows, i, w: _dense_dot(rows, i, w)

    def sparse(rows, i, w):  # type: ignore[no-untyped-def]
        # Four sums, lest each addition wait for the one before. Single loads: a gather (which `ORDERED` keeps the
        # compiler from) must wait until what the row before has written reaches the cache.
        zero = rows.values.dtype.type(0)
        a, b, c, d = zero, zero, zero, zero
        k, end = rows.indptr[i], rows.indptr[i + ONE]
        while k + FOUR <= end:
            a += rows.values[k] * w[rows.indices[k]]
            b += rows.values[k + ONE] * w[rows.indices[k + ONE]]
            c += rows.values[k + TWO] * w[rows.indices[k + TWO]]
            d += rows.values[k + THREE] * w[rows.indices[k + THREE]]
            k += FOUR
        while k < end:
            a += rows.values[k] * w[rows.indices[k]]
            k += ONE
        return (a + b) + (c + d)

    return sparse


@overload(add, jit_options=INNER)
def _add(rows, i, w, step):  # type: ignore[no-untyped-def]
    if not is_sparse(rows):

        def dense(rows, i, w, step):  # type: ignore[no-untyped-def]
            for j in range(rows.values.shape[1]):
                w[j] += step * (rows.values[i, j] - rows.centre[j]) * rows.relax[j]

        return dense

    if is_relaxed(rows):

        def relaxed(rows, i, w, step):  # type: ignore[no-untyped-def]
            for k in range(rows.indptr[i], rows.indptr[i + ONE]):
                j = rows.indices[k]
                w[j] += step * rows.values[k] * rows.relax[j]

        return relaxed

    def sparse(rows, i, w, step):  # type: ignore[no-untyped-def]
        for k in range(rows.indptr[i], rows.indptr[i + ONE]):
            w[rows.indices[k]] += step * rows.values[k]

    return sparse


@overload(ease, jit_options=INNER)
def _ease(rows, j):  # type: ignore[no-untyped-def]
    if is_relaxed(rows):
        return lambda rows, j: rows.relax[j]
    return lambda rows, j: rows.values.dtype.type(1)


@overload(norm2, jit_options=INNER)
def _norm2(rows, i):  # type: ignore[no-untyped-def]
    if is_sparse(rows):

        def sparse(rows, i):  # type: ignore[no-untyped-def]
            total = 0.0
            for k in range(rows.indptr[i], rows.indptr[i + ONE]):
                x = np.float64(rows.values[k])
                total += x * x * ease(rows, rows.indices[k])
            return total

        return sparse

    def dense(rows, i):  # type: ignore[no-untyped-def]
        total = 0.0
        for j in range(rows.values.shape[1]):
            x = np.float64(rows.values[i, j]) - rows.centre[j]
            total += x * x * ease(rows, j)
        return total

    return dense


@overload(prefetch, jit_options=INNER)
def _prefetch(rows, i):  # type: ignore[no-untyped-def]
    if is_sparse(rows):

        def sparse(rows, i):  # type: ignore[no-untyped-def]
            start = rows.indptr[i]
            for k in range(start, min(start + LONGEST, rows.indptr[i + ONE]), LINE):
                prefetch_line(rows.indices, k)
                prefetch_line(rows.values, k)

        return sparse

    def dense(rows, i):  # type: ignore[no-untyped-def]
        prefetch_line(rows.values, i * rows.values.shape[1])

    return dense


@njit(**INNER)
def lookahead(starts, c, chunk, ahead=AHEAD):  # type: ignore[no-untyped-def]
    """For chunk c: how many rows ahead to prefetch, and where the chunk begins that this reaches into."""
    return min(ahead, chunk), starts[min(c + max(1, ahead // chunk), starts.size - 1)]


@njit(**INNER)
def coming(row, end, jump, n):  # type: ignore[no-untyped-def]
    """The row to prefetch: `row` if it lies within the chunk, which ends at `end`, else one of the chunk at `jump`."""
    return np.uint64(row if row < end else min(jump + row - end, n - 1))


@intrinsic
def prefetch_line(typing, array, index):  # type: ignore[no-untyped-def]
    """Ask for the cache line in which array[index] lies."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        i32 = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [address.type, i32, i32, i32])
        hint = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(hint, [address, i32(0), i32(3), i32(1)])  # read, keep in all caches, data
        return context.get_dummy_value()

    return types.void(array, index), generate
