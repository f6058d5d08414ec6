"""How commands speak: tables for people on a terminal, tab-separated lines in a pipe, JSON when asked.

Results go to standard output, everything else to standard error, so that a pipe carries results only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson

from telematics.errors import UserError

_READABLE = 24

EXIT_OK = 0
EXIT_PROBLEMS = 1
EXIT_USAGE = 2


def as_json(value: Any) -> None:
    """Print one JSON document, indented."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    _write(orjson.dumps(value, option=options))


def as_json_line(value: Any) -> None:
    """Print one line of newline-delimited JSON at once, for whoever reads while we go on."""
    _write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS))


def line(text: str = "") -> None:
    """Print one line of the result at once."""
    _write(text.encode() + b"\n")


def note(text: str) -> None:
    """Tell the person at the terminal something that is no part of the result."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under headings on a terminal, tab-separated without headings in a pipe.

    Where a terminal is too narrow for them, texts are folded and numbers are not; below `_READABLE` characters of each text
    lines go on beyond the edge instead.
    """
    if not sys.stdout.isatty():
        for row in rows:
            line("\t".join(_cell(value) for value in row))
        return
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    drawn_rows = list(rows)
    for number, column in enumerate(columns):
        is_text = any(isinstance(row[number], str) for row in drawn_rows)
        longest = max([len(column), *(len(_cell(row[number])) for row in drawn_rows)])
        drawn.add_column(
            column,
            overflow="fold",
            no_wrap=not is_text,
            justify="left" if is_text else "right",
            min_width=min(longest, _READABLE) if is_text else None,
        )
    for row in drawn_rows:
        drawn.add_row(*(_cell(value) for value in row))
    console = Console()
    needed = Measurement.get(console, console.options.update(max_width=10_000), drawn).minimum
    Console(width=max(console.width, needed)).print(drawn, markup=False, soft_wrap=needed > console.width)


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None] | None]:
    """Draw a bar on standard error while something long runs; `None`, and no bar, where nobody watches.

    What is yielded takes how much is done and how much there is.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _cell(value: object) -> str:
    return "" if value is None else str(value).replace("\t", " ").replace("\n", " ")


def raw(data: bytes) -> None:
    """Print bytes as they are."""
    with _told():
        sys.stdout.buffer.write(data)
        sys.stdout.flush()


def _write(data: bytes) -> None:
    # Through the text layer, so that tests and pagers that replace sys.stdout see it too.
    with _told():
        sys.stdout.write(data.decode())
        sys.stdout.flush()


@contextmanager
def _told() -> Iterator[None]:
    """Make a full disk and its like a message; a reader that has seen enough is none."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        # Python flushes once more when it ends, and would complain of what it still holds.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise UserError(f"standard output: cannot be written: {error.strerror}") from None
