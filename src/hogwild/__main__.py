"""`python -m hogwild`: the command line."""

from hogwild.cli import main

main(prog_name="hogwild")
