"""Laws: fences and manifests are read as they were written, and no bytes raise out of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from geofences.model import Fence
from telematics.wire.fencesets import (
    FenceLog,
    Manifest,
    decode_fence,
    decode_manifest,
    decode_reading,
    encode_fence,
    encode_manifest,
    fence_key,
    set_key,
)
from tests.property.geofences.strategies import fences
from tests.support.strategies import FEW, LAW, instants, maybe, short_texts, texts

manifests = st.builds(
    Manifest,
    number=st.integers(1, 10**15),
    fences=st.lists(st.builds("{}@{}".format, short_texts.map(lambda text: text.replace("@", "_")), st.integers(1, 2**49))).map(tuple),
    hash=st.text("0123456789abcdef", min_size=64, max_size=64),
    author=short_texts,
    published_at=instants,
    effective_at=maybe(instants),
    note=texts,
)  # fmt: skip
keys = st.binary(max_size=12) | st.sampled_from([b"@set-1", b"yard@1", b"@fences", b"@set-01", b"@set-"])
values = st.none() | st.binary(max_size=60) | manifests.map(encode_manifest) | fences().map(encode_fence)


@FEW
@given(fence=fences())
def test_fences(fence: Fence) -> None:
    """A fence is read as it was written, to the last digit."""
    assert decode_fence(fence_key(fence), encode_fence(fence)) == fence


@LAW
@given(manifest=manifests)
def test_manifests(manifest: Manifest) -> None:
    """A manifest is read as it was written."""
    assert decode_manifest(set_key(manifest.number), encode_manifest(manifest)) == manifest


@FEW
@given(rows=st.lists(st.tuples(st.none() | keys, values, st.integers(-(2**63), 2**63 - 1)), max_size=8))
def test_nothing_raises(rows: list[tuple[bytes | None, bytes | None, int]]) -> None:
    """Whatever lies on the topic."""
    log = FenceLog(live=True)
    for key, value, arrival in rows:
        log.take(key, value, arrival)
        decode_reading(value or b"", "ours")
