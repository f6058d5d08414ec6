"""`telematics doctor`: what is wrong from here, and what to do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from telematics.cli.options import Bootstrap, Json, Prefix, Rules, settings_from
from telematics.cli.output import EXIT_PROBLEMS, as_json, line
from telematics.errors import UserError

if TYPE_CHECKING:
    from telematics.stream.doctor import Diagnosis


def doctor(
    fences: Annotated[Path | None, typer.Option("--fences", metavar="FILE", help="Also try this fence file.")] = None,
    rules: Rules = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    json: Json = False,
) -> None:
    """Look at settings, broker, topics, partitioner, fences and rules; say what to do. Exits 1 if something is wrong."""
    found = [*_broker(bootstrap, prefix), *_fences(fences), *_rules(rules)]
    well = all(one.ok for one in found)
    if json:
        as_json({"ok": well, "checks": found})
    else:
        for one in found:
            line(f"{'ok   ' if one.ok else 'WRONG'}  {one.check}: {one.seen}")
            if one.remedy:
                line(f"       do: {one.remedy}")
    if not well:
        raise typer.Exit(EXIT_PROBLEMS)


def _broker(bootstrap: str | None, prefix: str | None) -> list[Diagnosis]:
    from telematics.stream.doctor import Diagnosis, diagnose

    try:
        settings = settings_from(bootstrap, prefix)
    except UserError as error:
        return [Diagnosis("settings", ok=False, seen=str(error), remedy="correct or unset the variables named")]
    can_be_used = Diagnosis("settings", ok=True, seen="every TELEMATICS_ variable that is set can be used")
    return [can_be_used, *asyncio.run(diagnose(settings))]


def _fences(path: Path | None) -> list[Diagnosis]:
    if path is None:
        return []
    from geofences.errors import FenceError
    from geofences.formats.geojson import load_geojson
    from geofences.index import FenceIndex
    from telematics.stream.doctor import Diagnosis

    try:
        index = FenceIndex(load_geojson(path))
    except FenceError as error:
        return [Diagnosis("fences", ok=False, seen=str(error), remedy="correct the file where it says")]
    return [Diagnosis("fences", ok=True, seen=f"{path}: {len(index.fences)} fences, version {index.version}")]


def _rules(path: Path | None) -> list[Diagnosis]:
    if path is None:
        return []
    from telematics.core.params import load_rules
    from telematics.stream.doctor import Diagnosis

    try:
        loaded = load_rules(path)
    except UserError as error:
        return [Diagnosis("rules", ok=False, seen=str(error), remedy="correct the file where it says")]
    return [Diagnosis("rules", ok=True, seen=f"{path} can be used, version {loaded.version}")]
