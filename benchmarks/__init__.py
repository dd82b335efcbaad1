"""Races against peers, run by `make bench` or `python -m benchmarks`; `RESULTS.md` holds the last figures."""
