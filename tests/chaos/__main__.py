"""`make chaos`: members and brokers are killed, stopped and cut off, and nobody may see it in the alerts.

A simulated fleet is written to three brokers while a group of monitors judges it, fence sets are changed under it, and
everything that can fail does.
What readers then find is held against what a replay of the same log says. `build/chaos.json` has the figures,
`build/chaos.log` every fault with its time, `build/chaos/` what each member logged. Exit code 1 when an alert or dead
letter is missing, repeated, different or out of order, when a member ended unasked, or when less was done than planned.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from telematics.stream.local.broker import LocalBroker
from tests.chaos.faults import FULL, SHORT
from tests.chaos.journal import Journal
from tests.chaos.run import Run

OUT, LOG, FOLDER = Path("build/chaos.json"), Path("build/chaos.log"), Path("build/chaos")


def main() -> int:
    """Disturb, judge, write, print; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Exactly once, whatever dies.")
    parser.add_argument("--seed", type=int, default=1, help="which faults, when, and which fleet (1)")
    parser.add_argument("--short", action="store_true", help="a few of each kind, in less than three minutes")
    arguments = parser.parse_args()
    # As Ctrl-C: the members, the brokers and their folder go with us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    began_s = time.monotonic()
    with LOG.open("w", encoding="utf-8") as log, LocalBroker.temporary(nodes=3) as kafka:
        extent = SHORT if arguments.short else FULL
        report = asyncio.run(Run(kafka, arguments.seed, extent, FOLDER, Journal(log)).run())
    document = report.document() | {
        "short": arguments.short,
        "seconds": round(time.monotonic() - began_s),
        "cores": os.cpu_count(),
    }
    OUT.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    table = Table("what", "how many", box=None, title_justify="left")
    for row in report.rows():
        table.add_row(*row)
    console = Console(highlight=False)
    console.print(table)
    console.print(
        f"{'PASS' if report.ok else 'FAIL'}  {OUT}, {LOG}; {document['seconds']} s on {document['cores']} cores"
    )
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
