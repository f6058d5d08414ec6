"""`python -m telematics` is the `telematics` command."""

from telematics.cli import main

main()
