"""The `telematics` command: one noun or verb per file, thin; the work is done elsewhere.

Exit codes: 0 all well, 1 problems were found (or Kafka cannot be reached), 2 the command was used wrongly (also a
wrong file or setting). Nothing heavy is imported before a command runs, so that `--help` is quick.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from telematics.cli import bridge, broker, deadletter, fences, fencesets, rules, topics, trips, tuning
from telematics.cli.doctor import doctor
from telematics.cli.explain import explain
from telematics.cli.monitor import monitor
from telematics.cli.output import EXIT_PROBLEMS, EXIT_USAGE, line, note
from telematics.cli.replay import replay
from telematics.cli.watch import watch
from telematics.errors import TelematicsError, UserError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from telematics.version import product_version

        line(f"telematics {product_version()}")
        raise typer.Exit


@app.callback()
def _telematics(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Watch trucks, geofences and alerts flow through Kafka."""


app.command()(monitor)
app.command()(replay)
app.command()(watch)
app.command()(explain)
app.add_typer(bridge.app, name="bridge")
app.add_typer(deadletter.app, name="deadletter")
app.add_typer(trips.app, name="trips")
fences.app.command()(tuning.backtest)
fences.app.command()(tuning.stats)
fences.app.command()(fencesets.publish)
fences.app.command()(fencesets.history)
app.add_typer(fences.app, name="fences")
app.add_typer(rules.app, name="rules")
app.add_typer(topics.app, name="topics")
app.add_typer(broker.app, name="broker")
app.command()(doctor)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit; what went wrong on purpose is one line, never a traceback.

    Typer ends quietly on Ctrl-C (130) and when the reader of our pipe has seen enough (1).
    """
    try:
        app(list(arguments) if arguments is not None else None, prog_name="telematics")
    except (TelematicsError, ValueError) as error:
        code = _exit_code(error)
        if code is None:
            raise
        for text in str(error).splitlines():
            note(f"error: {text}")
        sys.exit(code)
    sys.exit(0)


def _exit_code(error: Exception) -> int | None:
    from geofences.errors import FenceError

    if isinstance(error, UserError | FenceError):
        return EXIT_USAGE
    return EXIT_PROBLEMS if isinstance(error, TelematicsError) else None
