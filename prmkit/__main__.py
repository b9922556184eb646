"""`python -m prmkit`: the `prmkit` command; also what `torchrun -m prmkit train ...` starts."""

from prmkit.cli.main import run

if __name__ == "__main__":
    run()
