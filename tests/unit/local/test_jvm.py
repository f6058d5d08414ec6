"""Whose data lie in a node's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from telematics.stream.local import node
from telematics.stream.local.errors import LocalBrokerError
from telematics.stream.local.jvm import Jvm

OWN = f"version=1\ncluster.id={node.CLUSTER_ID}\nnode.id=2\ndirectory.id=sX0m4Z2kQW6a1Vw1g1n5Yw\n"


@pytest.fixture
def jvm(tmp_path: Path) -> Jvm:
    """Node 2 with an empty data folder; its Java is never run."""
    (tmp_path / "data").mkdir()
    return Jvm("java", [], node.Node(2, 9093, 20_001), tmp_path, quick=True)


@pytest.mark.parametrize(
    "files", [{}, {"__cluster_metadata-0/0-0.checkpoint": "cut"}, {"meta.properties": OWN, "topic-0/0.log": ""}]
)
def test_own_data_and_a_first_start_that_was_cut_off_will_do(jvm: Jvm, files: dict[str, str]) -> None:
    """A folder with nothing, with what a first start left, or with the node's own data is taken."""
    write(jvm, files)
    jvm.require_own_data()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"meta.properties": ""}, r"meta\.properties is damaged: it has no version, cluster\.id, node\.id, directory"),
        ({"meta.properties": OWN[:40]}, r"meta\.properties is damaged: it has no node\.id, directory\.id; nothing was"),
        ({"meta.properties": "\0\0\0"}, r"meta\.properties is damaged"),
        ({"topic-0/0.log": ""}, r"data has data and no meta\.properties: it is damaged; nothing was changed; put back"),
        ({"meta.properties": OWN.replace("=2", "=1")}, r"belongs to node 1 of .*, not to node 2 of .*--folder"),
        ({"meta.properties": OWN.replace(node.CLUSTER_ID, "theirs")}, r"node 2 of the cluster theirs, not .*--folder"),
    ],
)
def test_damaged_data_and_those_of_others_are_left_alone(jvm: Jvm, files: dict[str, str], says: str) -> None:
    """Data that are damaged or another cluster's are refused by name, and nothing in them is changed."""
    write(jvm, files)
    with pytest.raises(LocalBrokerError, match=says):
        jvm.require_own_data()
    data = jvm.folder / "data"
    assert {str(path.relative_to(data)): path.read_text() for path in data.rglob("*") if path.is_file()} == files


def write(jvm: Jvm, files: dict[str, str]) -> None:
    """Put files into the node's data folder."""
    for name, text in files.items():
        path = jvm.folder / "data" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
