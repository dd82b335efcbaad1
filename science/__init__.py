"""The findings of the papers that this project implements, found again. `python -m science` writes docs/science/."""
