"""Documentation is tested: what describes code is made from it, and every reason and command is written about."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer

from geofences.formats.properties import PROPERTIES, RADII
from simulators.cli import app as simulate
from simulators.geography import FENCES
from telematics.core.effects import Quarantine
from telematics.docs import PARTS, main, renewed, stale
from telematics.wire.reasons import RejectReason

_ROOT = Path(__file__).parents[2]
_DOCS = _ROOT / "docs"
# Refusals of rows in files; they never reach the dead letters.
_OF_FILES = {RejectReason.BAD_ROW, RejectReason.CUT_OFF}


def test_the_generated_parts_are_current() -> None:
    """Settings, metrics, commands and rules are documented as the code has them (`python -m telematics.docs --write`)."""
    assert stale(_DOCS) == {}


@pytest.mark.parametrize("part", sorted(PARTS))
def test_every_part_has_its_page(part: str) -> None:
    """No generated part is left out of the pages."""
    pages = [path for path in _DOCS.glob("*.md") if f"<!-- generated: {part} -->" in path.read_text(encoding="utf-8")]
    assert len(pages) == 1


def test_a_stale_page_is_found_and_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--check` fails on a page that differs from the code and leaves it alone; `--write` renews the part only."""
    page = tmp_path / "docs" / "settings.md"
    page.parent.mkdir()
    page.write_text("mine\n<!-- generated: settings -->\nold\n<!-- end -->\nmine too\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["--check"]) == 1
    assert "old" in page.read_text(encoding="utf-8")
    assert main(["--write"]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith("mine\n")
    assert text.endswith("mine too\n")
    assert "TELEMATICS_KAFKA__BOOTSTRAP" in text
    assert "old" not in text
    assert main(["--check"]) == 0


def test_a_part_of_another_generator_is_left_alone() -> None:
    """Other generators may use the same marks."""
    page = "<!-- generated: transitions -->\nx\n<!-- end -->\n"
    assert renewed(page) == page


@pytest.mark.parametrize("reason", [*(set(RejectReason) - _OF_FILES), *Quarantine])
def test_operations_say_what_to_do_about_every_reason(reason: str) -> None:
    """Each reason of a dead letter or quarantine has its line in docs/operations.md."""
    assert f"`{reason}`" in (_DOCS / "operations.md").read_text(encoding="utf-8")


def test_operations_explain_every_warning_in_the_log() -> None:
    """Each warning or error the stream logs has its line in docs/operations.md."""
    stream = (_ROOT / "telematics" / "stream").rglob("*.py")
    logged = re.compile(r'log\.(?:warning|error|exception)\(\s*"(\w+)"')
    events = {name for path in stream for name in logged.findall(path.read_text(encoding="utf-8"))}
    text = (_DOCS / "operations.md").read_text(encoding="utf-8")
    assert events
    assert {name for name in events if f"`{name}`" not in text} == set()


def test_every_option_of_the_simulator_is_documented() -> None:
    """docs/simulator.md has a section for each command of `telematics-simulate`, and in it its options and no others."""
    text = (_DOCS / "simulator.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## `telematics-simulate (\w+)`$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    told = {name: set(re.findall(r"^\| `(--[\w-]+)", body, re.MULTILINE)) for name, body in sections}
    commands: dict[str, Any] = getattr(typer.main.get_command(simulate), "commands", {})
    assert told == {
        name: {option for param in command.params for option in param.opts} for name, command in commands.items()
    }


@pytest.mark.parametrize("name", [*PROPERTIES, *RADII])
def test_every_property_of_a_fence_is_documented(name: str) -> None:
    """Each property that a fence file may have has its row in docs/geofences.md."""
    assert f"| `{name}` |" in (_DOCS / "geofences.md").read_text(encoding="utf-8")


def test_the_programs_on_the_page_of_fences_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The Python of docs/geofences.md works as it stands on the sample set, and tells what the page says it tells."""
    blocks = re.findall(
        r"^```python\n(.*?)^```", (_DOCS / "geofences.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    shutil.copy(FENCES, tmp_path / "fences.geojson")
    monkeypatch.chdir(tmp_path)
    exec("\n".join(blocks), {})  # noqa: S102 - that is what a reader does with it
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if "depot-tepotzotlan" in line] == ["0 in depot-tepotzotlan -247 m to its boundary"]
    assert told[-3:] == [
        "0 inside_due raise_enter inside",
        "60000 clearly_outside start_exit leaving",
        "130000 clearly_outside_due raise_exit outside",
    ]


@pytest.mark.parametrize("page", sorted([*_DOCS.glob("*.md"), _ROOT / "README.md"]), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """A relative link names a file that exists."""
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []
