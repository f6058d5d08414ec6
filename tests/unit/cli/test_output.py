"""Tables of results on terminals of any width."""

from __future__ import annotations

import io
import re
import sys

import pytest

from telematics.cli.output import table


class Terminal(io.StringIO):
    """Stands for a screen."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_narrow_terminal_leaves_words_to_be_read(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """Texts are folded as far as that can be read, numbers never; on a narrower one lines go on beyond the edge."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(width))
    name, long = "corridor-57d-mexico", "a text that is longer than any terminal of a person is wide " * 4
    table(("fence", *(f"number {n}" for n in range(5)), "what"), [(name, *[1_234_567] * 5, long)])
    first, second, *more = re.sub(r"\x1b\[\d*m", "", screen.getvalue()).splitlines()
    assert first.split()[:3] == ["fence", "number", "0"]
    assert second.split()[:6] == [name, *["1234567"] * 5]
    assert " ".join([second.split("1234567")[-1].strip(), *(line.strip() for line in more)]) == long.strip()
    assert more or width > len(long)
