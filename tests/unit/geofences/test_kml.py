"""KML and KMZ as other programs write them, and as nobody should."""

from __future__ import annotations

import struct
import tracemalloc
import zipfile
from io import BytesIO

import pytest

from geofences.errors import FenceError
from geofences.formats import FORMATS
from geofences.formats import kml as kml_format
from geofences.formats import kmz as kmz_format
from geofences.formats.features import Foreign
from geofences.formats.kml import dump_kml, dump_kmz, load_kml
from geofences.model import Circle, Corridor, Fence, FenceKind, Polygonal

RING = ((-99.1, 19.0), (-99.0, 19.0), (-99.0, 19.1), (-99.1, 19.0))
HOLE = ((-99.02, 19.01), (-99.01, 19.01), (-99.01, 19.02), (-99.02, 19.01))

# As a map program writes it: styles, heights, folders, descriptions in HTML.
DRAWN = b"""<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2">
<Document>
  <name>Fences of the north.kml</name>
  <Style id="red"><LineStyle><color>ff0000ff</color></LineStyle></Style>
  <Folder><name>Norte</name>
    <Folder><name>Patios</name>
      <Placemark id="ID_00001">
        <name>Casa Matriz</name>
        <description><![CDATA[<b>open</b> day & night]]></description>
        <styleUrl>#red</styleUrl>
        <Polygon><tessellate>1</tessellate>
          <outerBoundaryIs><LinearRing><coordinates>
            -99.1,19,0 -99,19,0 -99,19.1,0 -99.1,19,0
          </coordinates></LinearRing></outerBoundaryIs>
          <innerBoundaryIs><LinearRing><coordinates>-99.02,19.01 -99.01,19.01 -99.01,19.02</coordinates></LinearRing>
          </innerBoundaryIs>
        </Polygon>
      </Placemark>
    </Folder>
    <Placemark>
      <name>Casa Matriz</name>
      <ExtendedData>
        <Data name="kind"><displayName>Kind</displayName><value>customer</value></Data>
        <Data name="radius_m"><value> 250 </value></Data>
        <Data name="tags"><value>caja, seca</value></Data>
        <SchemaData schemaUrl="#s"><SimpleData name="OBJECTID">12</SimpleData></SchemaData>
      </ExtendedData>
      <Point><coordinates>-99.5,20.5,2240</coordinates></Point>
    </Placemark>
  </Folder>
  <Placemark><MultiGeometry>
    <LineString><coordinates>-99.1,19 -99,19</coordinates></LineString>
    <MultiGeometry><LineString><coordinates>-99,19 -99,19.1</coordinates></LineString></MultiGeometry>
  </MultiGeometry></Placemark>
</Document></kml>
"""


def _kml(inner: str) -> bytes:
    return f"<kml><Document><Placemark><name>a</name>{inner}</Placemark></Document></kml>".encode()


def _refused(name: str, data: bytes) -> str:
    with pytest.raises(FenceError) as caught:
        FORMATS[name].load(data, None)
    return str(caught.value)


def test_a_map_program_s_kml_is_read() -> None:
    """Folders are tags, names are kept and made ids, open rings closed; what is no property is passed over, and counted."""
    foreign = Foreign(defaults={"kind": "depot", "radius_m": 100, "buffer_m": 50, "risk": 4})
    polygon, point, line = load_kml(DRAWN, foreign)
    assert polygon == Fence(
        id="casa-matriz",
        name="Casa Matriz",
        shape=Polygonal(((RING, HOLE),)),
        kind=FenceKind.DEPOT,
        tags=frozenset({"Norte", "Patios"}),
    )
    assert point == Fence(
        id="casa-matriz-2",
        name="Casa Matriz",
        shape=Circle(-99.5, 20.5, 250.0),
        kind=FenceKind.CUSTOMER,
        tags=frozenset({"Norte", "caja", "seca"}),
    )
    assert line == Fence(id="fence-3", shape=Corridor((RING[:2], RING[1:3]), 50.0), kind=FenceKind.DEPOT)
    assert foreign.ignored == {"OBJECTID": 1}


def test_a_kmz_is_unpacked() -> None:
    """The one .kml in it counts, of several doc.kml; the same fences make the same bytes."""
    fences = load_kml(DRAWN, Foreign(defaults={"buffer_m": 50}))
    packed = dump_kmz(fences)
    assert packed == dump_kmz(fences)
    assert load_kml(packed) == fences
    for other, name in (("a.kml", "doc.kml"), ("__MACOSX/._a.kml", "a.kml"), ("a.txt", "files/a.KML")):
        mixed = BytesIO()
        with zipfile.ZipFile(mixed, "w") as archive:
            archive.writestr(other, b"<broken")
            archive.writestr(name, dump_kml(fences))
        assert load_kml(mixed.getvalue()) == fences


BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE kml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<kml><Placemark><name>&b;</name></Placemark></kml>"""
FOREIGN_FILE = (
    b"""<!DOCTYPE kml [<!ENTITY x SYSTEM "file:///etc/passwd">]><kml><Placemark><name>&x;</name></Placemark></kml>"""
)


@pytest.mark.parametrize("data", [BOMB, FOREIGN_FILE, b'<!DOCTYPE kml SYSTEM "http://127.0.0.1:9/x.dtd"><kml/>'])
def test_a_document_type_is_refused(data: bytes) -> None:
    """Before anything of it is expanded or fetched."""
    assert _refused("kml", data).endswith(
        "declares a document type; no KML needs one, and attacks on readers do: remove it"
    )


def test_a_zip_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What unpacks to more than a fence file has is read no further than that."""
    monkeypatch.setattr(kmz_format, "MOST_BYTES", 1_000_000)
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("doc.kml", b" " * 50_000_000)
    assert len(packed.getvalue()) < 100_000
    assert "unpacks to more than 1,000,000 bytes" in _refused("kmz", packed.getvalue())


DEEP = b"<kml>" + b"<a>" * 200_000


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "line 1, column 1: not XML: no element found"),
        (b"<kml><Placemark></kml>", "line 1, column 19: not XML: mismatched tag"),
        (b"<html></html>", "KML: line 1: expected <kml>, found <html>"),
        (DEEP, "KML: line 1: nested deeper than 100 levels"),
        (b'<?xml version="1.0" encoding="x-none"?><kml/>', "not XML"),
        (_kml(""), "feature 1 (id 'a'), line 1: geometry: no Point, LineString or Polygon in this Placemark"),
        (_kml("<Point></Point>"), "geometry: line 1: a Point without coordinates"),
        (
            _kml("<Point><coordinates>1;2</coordinates></Point>"),
            "'1;2' is no position; write longitude,latitude,height",
        ),
        (_kml("<Point><coordinates>1,2</coordinates></Point>"), "radius_m: a Point needs one, in metres"),
        (_kml("<Point><coordinates>1,2 3,4</coordinates></Point>"), "2 points in this Placemark; give it one shape"),
        (_kml("<Track/>"), "a Track is no fence; draw a Point, LineString or Polygon"),
        (_kml("<Polygon/>"), "a Polygon has one outerBoundaryIs with one LinearRing"),
        (
            _kml(
                "<Point><coordinates>1,2</coordinates></Point><LineString><coordinates>1,2 3,4</coordinates></LineString>"
            ),
            "points, lines and polygons in one Placemark; make a Placemark of each",
        ),
        (
            _kml("<ExtendedData><Data name='kind'><value>tol</value></Data></ExtendedData>"),
            "kind: 'tol' is not one of high_risk_corridor, ",
        ),
    ],
)
def test_wrong_kml_is_told_with_its_place(data: bytes, said: str) -> None:
    """Feature, line and field, and what would be right."""
    assert said in _refused("kml", data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"no zip at all", "not XML"),
        (b"PK\x03\x04 and then nothing", "cannot be unpacked"),
    ],
)
def test_a_broken_kmz_is_told(data: bytes, said: str) -> None:
    """What is no archive, or only the beginning of one."""
    assert said in _refused("kmz", data)


def _packed(method: int, *names: str) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name in names:
            archive.writestr(name, DRAWN)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("packed", "said"),
    [
        (_packed(zipfile.ZIP_STORED, "readme.txt"), "KML: no .kml is packed in it; a KMZ is a zip with a doc.kml"),
        (
            _packed(zipfile.ZIP_STORED, "a.kml", "files/b.kml"),
            "KML: 2 .kml are packed in it and none is doc.kml: 'a.kml', 'files/b.kml'; unpack and read one",
        ),
        (_packed(zipfile.ZIP_LZMA, "doc.kml"), "KML: is packed by another method than deflate, which no KMZ is"),
        (_packed(zipfile.ZIP_BZIP2, "doc.kml"), "KML: is packed by another method than deflate, which no KMZ is"),
    ],
)
def test_an_archive_that_is_no_kmz_is_told(packed: bytes, said: str) -> None:
    """What it holds, and what would be right; in whole, not as the cause of another mistake."""
    assert _refused("kmz", packed).startswith(said)


def test_an_archive_that_points_beyond_all_files_is_refused() -> None:
    """A zip64 says where its member begins in 64 bits, and may lie."""
    packed = _packed(zipfile.ZIP_DEFLATED, "doc.kml")
    at = packed.index(b"PK\x01\x02")
    lying = bytearray(packed)
    extra = struct.pack("<HHQ", 1, 8, 2**64 - 1)
    lying[at + 42 : at + 46] = b"\xff" * 4
    lying[at + 30 : at + 32] = struct.pack("<H", len(extra))
    lying[at + 53 : at + 53] = extra
    end = lying.index(b"PK\x05\x06")
    lying[end + 12 : end + 16] = struct.pack("<L", end - at)
    assert "cannot be unpacked" in _refused("kmz", bytes(lying))


LINK = "<NetworkLink><Link><href>http://127.0.0.1:9/a.kml</href></Link></NetworkLink>"


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        ("", "KML: no Placemark in it, and each is a fence"),
        (LINK, "KML: no Placemark in it, and each is a fence; a NetworkLink only says where one is: download that"),
    ],
)
def test_a_kml_of_nothing_is_refused(inner: str, said: str) -> None:
    """Lest it replaces fences by none."""
    assert _refused("kml", f"<kml><Document>{inner}</Document></kml>".encode()).startswith(said)


def test_what_a_kml_links_to_is_told_as_passed_over() -> None:
    """Beside the Placemarks it has itself."""
    foreign = Foreign(defaults={"radius_m": 9})
    placemark = "<Placemark><Point><coordinates>1,2</coordinates></Point></Placemark>"
    assert len(load_kml(f"<kml><Document>{LINK}{placemark}</Document></kml>".encode(), foreign)) == 1
    assert foreign.ignored == {"NetworkLink": 1}


def test_the_elements_of_a_kml_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many fit into a small file that their number alone could fill a memory."""
    monkeypatch.setattr(kml_format, "MOST_ELEMENTS", 20)
    assert "line 1: more than 20 elements, which no fence file has" in _refused("kml", _kml("<a/>" * 20))


def test_the_coordinates_of_a_kml_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before they are read, and those of all shapes together."""
    monkeypatch.setattr(kml_format, "MOST_COMMAS", 5)
    line = "<LineString><coordinates>1,2,0 3,4,0</coordinates></LineString>"
    assert load_kml(_kml(line), Foreign(defaults={"buffer_m": 9}))
    assert "KML: line 1: more than 5 coordinates, which no fence file has" in _refused("kml", _kml(line * 2))


def test_of_a_placemark_only_what_is_read_is_kept() -> None:
    """A million elements and texts that say nothing of a fence take no memory."""
    inner = (
        "<Point><coordinates>1,2</coordinates></Point>" + f"<Style>{'<a>text</a>' * 50_000}</Style>{'<b/>' * 50_000}"
    )
    tracemalloc.start()
    (fence,) = load_kml(_kml(inner), Foreign(defaults={"radius_m": 9}))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert fence.shape == Circle(1.0, 2.0, 9.0)
    assert most < 5_000_000


def test_a_folder_whose_name_is_no_tag_is_told_once() -> None:
    """With its line, and only if there is a fence in it."""
    placemark = "<Placemark><Point><coordinates>1,2</coordinates></Point></Placemark>"
    text = f"<kml>\n<Folder><name>{'x' * 65}</name>%s</Folder>{placemark}</kml>"
    assert load_kml((text % "").encode(), Foreign(defaults={"radius_m": 9}))
    assert _refused("kml", (text % (placemark * 3)).encode()) == (
        f"KML: line 2: it lies in the folder '{'x' * 56}... of line 2, whose name has 65 characters; it becomes a tag, which "
        "has at most 64: shorten it"
    )


def test_many_tags_are_not_as_many_folders() -> None:
    """A fence with all the tags it can have is read back."""
    fence = Fence(id="a", shape=Circle(1.0, 2.0, 9.0), tags=frozenset(f"tag {number}" for number in range(100)))
    assert load_kml(dump_kml([fence]).encode()) == (fence,)
