"""The requirement files install exactly what was tested, from wherever the user's pip gets it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ["runtime", "local", "dev"]


def pinned(name: str) -> dict[str, set[str]]:
    """Versions by package of requirements/NAME.txt."""
    versions: dict[str, set[str]] = {}
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    for package, version in re.findall(r"^([a-z0-9-]+)(?:\[[^]]*\])?==([^ ;\\]+)", text, re.MULTILINE):
        versions.setdefault(package, set()).add(version)
    return versions


@pytest.mark.parametrize("name", NAMES)
def test_every_line_is_a_pin_or_a_hash(name: str) -> None:
    """No address, no option, no loose version: each line pins a package or hashes a file of it."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    pin = re.compile(r"[a-z0-9-]+(\[[a-z0-9,]+\])?==[^ ]+( ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")
    assert [line for line in text.splitlines() if not pin.fullmatch(line)] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_files_agree(name: str) -> None:
    """A package has the same versions in each file, and all of them have the build backend."""
    everything = pinned("dev")
    assert all(everything[package] == versions for package, versions in pinned(name).items())
    assert "hatchling" in pinned(name)


def test_every_declared_dependency_is_pinned() -> None:
    """What pyproject.toml asks for is in the files: `make lock` was run after its last change."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {
        "runtime": project["dependencies"],
        "local": project["dependencies"] + extras["local"],
        "dev": project["dependencies"] + extras["local"] + extras["dev"],
    }
    for name, requirements in wanted.items():
        packages = {re.split(r"[\[<>=;]", line)[0].lower() for line in requirements} - {"telematics"}
        assert packages - pinned(name).keys() == set()
