"""`telematics fences publish` and `history`: fence sets, from a file to the monitors and back."""

from __future__ import annotations

import asyncio
import getpass
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from telematics.cli.fences import FINDING, RegionBox, region_of, row_of
from telematics.cli.options import Bootstrap, Json, Prefix, instant, settings_from
from telematics.cli.outfile import Out, write_out
from telematics.cli.output import EXIT_PROBLEMS, as_json, line, note, table
from telematics.errors import UserError

if TYPE_CHECKING:
    from geofences.diff import Change
    from geofences.model import Fence
    from telematics.stream.fences_topic import Draft, Publication
    from telematics.wire.fencesets import FenceSet


def publish(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="GeoJSON file of the geofences: the whole set.")],
    author: Annotated[
        str | None, typer.Option("--author", metavar="NAME", help="Who publishes; without it the user of the system.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="TIME", help="From when on it counts, RFC 3339; on a sim topic in simulated time."
        ),
    ] = None,
    why: Annotated[str, typer.Option("--note", metavar="TEXT", help="What for; history shows it.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be published, and write nothing.")] = False,
    empty: Annotated[bool, typer.Option("--empty", help="Publish a file without fences: none holds any more.")] = False,
    region: RegionBox = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    json: Json = False,
) -> None:
    """Make a file the fence set of all monitors, without a restart: what lint calls an error is refused (exit code 2).

    The set replaces the one before it whole, 10 s from now unless told otherwise. A fence that changed gets the version
    after its last one, or its own where that is higher. The set that is there already is not written again, unless it is
    still to come and is to count from another time on.
    """
    fences = _fences(file, region, json=json)
    if not fences and not empty:
        raise UserError(
            f"{file}: has no fences: every visit would end, and no fence hold; if that is meant say --empty"
        )
    draft = _draft(fences, author, at, why)
    settings = settings_from(bootstrap, prefix)
    from telematics.stream.fences_topic import publish_fences

    publication = asyncio.run(publish_fences(settings, draft, dry_run=dry_run))
    changes = _changes(publication)
    if json:
        as_json(_document(publication, changes, written=not dry_run and publication.manifest is not None))
        return
    if publication.before is not None and changes:
        table(("fence", "change", "what"), _rows(changes))
    for text in _beside(publication, draft, dry_run=dry_run):
        note(text)
    line(_told(publication, dry_run=dry_run))


def history(
    fence: Annotated[str | None, typer.Argument(metavar="ID", help="Only the versions of this fence.")] = None,
    number: Annotated[
        int | None, typer.Option("--set", metavar="N", min=1, help="Write this set as a file, to publish it again.")
    ] = None,
    out: Out = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = None,
    json: Json = False,
) -> None:
    """List the sets that were published, newest last, with what each changed; a set stays for 30 days after its last use.

    Exits 1 when there is no such set or fence, or a set that is not taken by the monitors.
    """
    if fence is not None and number is not None:
        raise UserError("give a fence's ID, or --set N: not both")
    if out is not None and number is None:
        raise UserError("--out: say which set to write, with --set N")
    settings = settings_from(bootstrap, prefix)
    from telematics.stream.fences_topic import read_log

    taken, refused, _ = asyncio.run(read_log(settings))
    if number is not None:
        _export(taken.sets, number, out)
        return
    entries = _versions(taken.sets, fence) if fence is not None else _sets(taken.sets)
    if json:
        as_json(entries)
    elif fence is not None:
        table(("version", "set", "published at", "author", "what"), [tuple(entry.values()) for entry in entries])
    else:
        counted = ("author", "fences", "added", "changed", "removed", "note")
        heading = ("set", "published at", "effective at", "superseded by", *counted)
        table(heading, [tuple(entry.values()) for entry in entries])
    for refusal in refused:
        note(f"{refusal.key} is not taken ({refusal.fault}): {refusal.detail}")
    if refused or (fence is not None and not entries):
        raise typer.Exit(EXIT_PROBLEMS)


def _fences(file: Path, region: str | None, *, json: bool) -> tuple[Fence, ...]:
    """The fences of a file, which is read once: it may be a pipe. Raises UserError, FenceError; shows what lint refuses."""
    from geofences.formats.geojson import open_geojson
    from geofences.lint import Severity
    from geofences.lint import lint as look

    _, read = open_geojson(file)
    findings = look(read, region_of(region), int(time.time() * 1000))
    errors = [each for each in findings if each.severity is Severity.ERROR]
    if errors and json:
        as_json([each.document() for each in errors])
    elif errors:
        table(FINDING, [row_of(each) for each in errors])
    if errors:
        raise UserError(f"{file}: nothing was published; {len(errors):,} {'errors' if errors[1:] else 'error'} in it")
    for each in findings:
        note(f"warning: feature {each.feature} ({each.fence_id}): {each.text}; {each.remedy}")
    return tuple(each.fence for each in read if each.fence is not None)


def _draft(fences: Sequence[Fence], author: str | None, at: str | None, why: str) -> Draft:
    """What is to be published. Raises UserError."""
    from telematics.stream.fences_topic import Draft

    effective_at = None if at is None else instant(at, "--at")
    name = author if author is not None else _user()
    if not 1 <= len(name) <= 200:
        raise UserError(f"--author {name[:40]!r}: give a name of 1 to 200 characters")
    if len(why) > 1_000:
        raise UserError(f"--note: {len(why):,} characters; at most 1,000 are kept")
    return Draft(fences, name, effective_at, why)


def _user() -> str:
    """Who is signed in. Raises UserError where the system cannot tell, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise UserError("the system does not tell who publishes: say it with --author NAME") from None


def _changes(publication: Publication) -> list[Change]:
    from geofences.diff import differences

    if publication.manifest is None:
        return []
    return differences(publication.before.fences if publication.before else (), publication.fences)


def _rows(changes: Sequence[Change]) -> list[tuple[str, ...]]:
    return [(each.fence_id, each.kind, word) for each in changes for word in each.words or ("",)]


def _told(publication: Publication, *, dry_run: bool) -> str:
    before, manifest, at = publication.before, publication.manifest, publication.effective_at
    if manifest is None and before is not None:
        same = f"set {before.number} is the same {len(before.fences)} fences"
        if before in publication.coming:
            return f"published already: {same}, and counts from {_at(at)}"
        return f"already in force: {same}"
    number = manifest.number if manifest else 0
    verb = "would be" if dry_run else "is"
    return f"set {number} {verb} published: {len(publication.fences)} fences, from {_from(at, is_first=before is None)}"


def _beside(publication: Publication, draft: Draft, *, dry_run: bool) -> Iterator[str]:
    """What whoever publishes may not expect of it."""
    if publication.manifest is None:
        return
    verb = "would be" if dry_run else "is"
    if raised := len(publication.raised):
        which = "1 fence that changed has" if raised == 1 else f"{raised:,} fences that changed have"
        yield f"{which} the version after the last one; the file has an older one"
    if publication.before is None and draft.effective_at is not None:
        yield "--at: the first set counts from the beginning, for before it there is nothing to judge by"
    for one in publication.coming:
        if one in publication.replaced:
            yield f"set {one.number}, from {_at(one.effective_at)} on, {verb} replaced by it"
        else:
            yield f"set {one.number} still counts from {_at(one.effective_at)} until then; to take it back publish what holds now"


def _at(ms: int) -> str:
    from telematics.instants import format_rfc3339

    return format_rfc3339(ms)


def _from(ms: int, *, is_first: bool) -> str:
    """From when on a set counts. A later one that says nothing, on a simulated topic, is too late for what was judged."""
    if is_first:
        return "the beginning"
    return _at(ms) if ms else "the next ping of each partition on"


def _document(publication: Publication, changes: Sequence[Change], *, written: bool) -> dict[str, Any]:
    number = publication.manifest.number if publication.manifest else publication.before and publication.before.number
    return {
        "set": number,
        "written": written,
        "fences": len(publication.fences),
        "effective_at": _at(publication.effective_at) if publication.effective_at else None,
        "replaced": [one.number for one in publication.replaced],
        "changes": [{"fence": each.fence_id, "change": each.kind, "words": each.words} for each in changes],
        "raised": {fence.id: fence.version for fence in publication.raised},
    }


def _sets(sets: Sequence[FenceSet]) -> list[dict[str, Any]]:
    from telematics.wire.fencesets import counted, superseded

    former: list[tuple[Fence, ...]] = [(), *(one.fences for one in sets)]
    by = superseded(sets)
    return [
        {
            "set": one.number,
            "published_at": _at(one.manifest.published_at),
            "effective_at": _from(one.effective_at, is_first=one is sets[0]),
            "superseded_by": by.get(one.number),
            "author": one.manifest.author,
            "fences": len(one.fences),
            **counted(before, one.fences),
            "note": one.manifest.note,
        }
        for before, one in zip(former, sets, strict=False)
    ]


def _versions(sets: Sequence[FenceSet], fence_id: str) -> list[dict[str, Any]]:
    from geofences.diff import differences

    def of(one: FenceSet) -> list[Fence]:
        return [fence for fence in one.fences if fence.id == fence_id]

    former: list[list[Fence]] = [[], *map(of, sets)]
    return [
        {
            "version": of(one)[0].version if of(one) else None,
            "set": one.number,
            "published_at": _at(one.manifest.published_at),
            "author": one.manifest.author,
            "what": "; ".join(change.words) or change.kind.value,
        }
        for before, one in zip(former, sets, strict=False)
        for change in differences(before, of(one))
    ]


def _export(sets: Sequence[FenceSet], number: int, out: Path | None) -> None:
    from geofences.formats.geojson import dump_geojson

    found = next((one for one in sets if one.number == number), None)
    if found is None:
        known = ", ".join(str(one.number) for one in sets) or "none"
        note(f"there is no set {number}; there are: {known}")
        raise typer.Exit(EXIT_PROBLEMS)
    write_out(dump_geojson(found.fences) + "\n", out)
    note(f"set {number}: {len(found.fences)} fences, by {found.manifest.author}")
