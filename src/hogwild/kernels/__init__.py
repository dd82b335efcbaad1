"""Compiled loops (Numba): they release the GIL and check nothing; whoever calls them has checked everything."""
