"""`python -m simulators` is the `telematics-simulate` command."""

from simulators.cli import main

main()
