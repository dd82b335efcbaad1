"""Which checkpoint is believed: the newest that is complete, whatever else lies in the directory."""

import json
import logging
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild import Checkpoint, CheckpointError
from hogwild.snapshots import Folder, Part
from hogwild.snapshots.folder import Manifest, Written
from hogwild.snapshots.stores import ArrowStore, FsspecStore, LocalStore, find_store

TEXT = st.text(max_size=8)
LEAF = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
FACTS = LEAF | st.lists(LEAF, max_size=3) | st.dictionaries(TEXT, LEAF, max_size=2)
NAMED = st.dictionaries(TEXT, FACTS, max_size=3)
WRITTEN = st.builds(Written, st.integers(0, 2**40), st.text("0123456789abcdef", min_size=8, max_size=8))


@given(
    st.builds(Manifest, st.integers(0), NAMED, NAMED, NAMED, st.dictionaries(TEXT, WRITTEN, max_size=3), st.booleans())
)
def test_a_manifest_is_read_as_it_was_written(manifest):
    assert Manifest.unpacked(manifest.packed()) == manifest


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_manifest_that_has_changed_is_not_believed(place, by):
    contents = bytearray(Manifest(3, {"seed": 1}, {}, {}, {"a": Written(3, "00000000")}).packed())
    contents[place % len(contents)] ^= by
    try:
        changed = json.loads(bytes(contents))
    except ValueError:
        changed = None
    if changed == json.loads(Manifest(3, {"seed": 1}, {}, {}, {"a": Written(3, "00000000")}).packed()):
        return  # white space
    with pytest.raises(ValueError, match=r"it is not one of hogwild's|its checksum does not agree"):
        Manifest.unpacked(bytes(contents))


ARRAYS = st.dictionaries(
    st.text("abc.", min_size=1, max_size=5),
    st.builds(
        lambda dtype, shape: np.arange(math.prod(shape)).reshape(shape).astype(dtype),
        st.sampled_from(["float32", "float64", "int64", "uint8", "uint32", "bool"]),
        st.lists(st.integers(0, 3), max_size=2),
    ),
    max_size=3,
)


@given(NAMED, ARRAYS)
def test_a_part_is_read_as_it_was_written(facts, arrays):
    part = Part.unpacked(Part(facts, arrays).packed())
    assert part.facts == facts
    assert part.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        assert part.arrays[name].dtype == array.dtype
        assert np.array_equal(part.arrays[name], array)
        assert part.arrays[name].flags.writeable


@pytest.mark.parametrize("contents", [b"", b"no", b"\x02" + b"\0" * 7 + b"{}", Part({}, {}).packed()[:-3]])
def test_what_is_no_part_is_named(contents):
    with pytest.raises(ValueError, match="no part of a checkpoint"):
        Part.unpacked(contents)


def written(folder, number, *, keep=2):
    """A checkpoint with one part."""
    files = {"a": folder.write(number, "a", Part({"number": number}, {"x": np.arange(3.0)}))}
    folder.complete(Manifest(number, {"seed": 0}, {}, {}, files), keep)


@pytest.fixture(params=["local", "fsspec", "fsspec on disk", "pyarrow"])
def folder(request, tmp_path, monkeypatch) -> Folder:
    place = str(tmp_path / "runs" / "7")
    if request.param == "fsspec":
        pytest.importorskip("fsspec", reason="it is an extra")
        place = f"memory://{tmp_path.name}/runs/7"
    elif request.param == "fsspec on disk":
        pytest.importorskip("fsspec", reason="it is an extra")
        place = f"file://{place}"
    elif request.param == "pyarrow":
        pytest.importorskip("pyarrow", reason="it is an extra")
        place = f"file://{place}"
        monkeypatch.setattr("hogwild.snapshots.stores.find_spec", lambda name: None if name == "fsspec" else True)
    folder = Folder(place)
    kinds = {"local": LocalStore, "pyarrow": ArrowStore}
    assert type(find_store(place)) is kinds.get(request.param, FsspecStore)
    return folder


def test_the_newest_counts_and_so_many_are_kept(folder):
    assert folder.is_empty()
    folder.prepare()
    assert folder.is_empty()
    with pytest.raises(CheckpointError, match="has no complete checkpoint"):
        folder.newest()
    for number in range(5):
        assert folder.next_number() == number
        written(folder, number, keep=2)
        assert folder.newest().manifest.number == number
        assert folder.newest().part("a").facts == {"number": number}
    assert [number for number, _ in folder._numbered()] == [4, 3]


def test_what_is_not_complete_does_not_count_and_goes_with_the_next(folder, caplog):
    written(folder, 0)
    folder.write(1, "a", Part({}, {}))
    with caplog.at_level(logging.WARNING, "hogwild"):
        assert folder.newest().manifest.number == 0
    assert "checkpoint-00000001 is passed over: it is not complete" in caplog.text
    assert folder.next_number() == 2
    written(folder, 2)
    assert [number for number, _ in folder._numbered()] == [2, 0]


def test_a_part_that_was_written_elsewhere_is_missed(folder):
    with pytest.raises(ValueError, match="was written on another machine and is not here: give a directory that all"):
        folder.complete(Manifest(0, {}, {}, {}, {"worker": Written(3, "00000000")}), 2)
    assert folder.is_empty()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: (path / "a").write_bytes(b"short"), "its a has 5 bytes, not"),
        (lambda path: (path / "a").unlink(), "its a is missing"),
        (lambda path: (path / "manifest.json").write_text("{"), "its manifest.json cannot be used: it is not one of"),
        (lambda path: (path / "manifest.json").write_text("[]"), "its manifest.json cannot be used: it is not one of"),
        (lambda path: (path / "manifest.json").unlink(), "it is not complete"),
    ],
)
def test_what_is_torn_or_foreign_is_named(spoil, why, tmp_path, caplog):
    folder = Folder(str(tmp_path))
    written(folder, 0)
    written(folder, 1)
    spoil(tmp_path / "checkpoint-00000001")
    with caplog.at_level(logging.WARNING, "hogwild"):
        assert folder.newest().manifest.number == 0
    assert f"checkpoint-00000001 is passed over: {why}" in caplog.text


def test_newer_formats_are_named():
    contents = json.loads(Manifest(0, {}, {}, {}, {}).packed())
    contents["manifest"]["format_version"] = 2
    from hogwild.snapshots.parts import checksum

    contents["checksum"] = checksum(json.dumps(contents["manifest"], sort_keys=True).encode())
    with pytest.raises(ValueError, match="it has format 2, and this hogwild reads 1"):
        Manifest.unpacked(json.dumps(contents).encode())


def test_parts_that_cannot_be_used_are_named(tmp_path):
    folder = Folder(str(tmp_path))
    written(folder, 0)
    saved = folder.newest()
    path = tmp_path / "checkpoint-00000000" / "a"
    contents = path.read_bytes()
    path.write_bytes(contents[:-1] + b"!")
    with pytest.raises(CheckpointError, match=r"checkpoint-00000000/a is damaged: its checksum does not agree; remove"):
        saved.part("a")
    shutil.rmtree(tmp_path / "checkpoint-00000000")
    with pytest.raises(CheckpointError, match=r"checkpoint-00000000/a cannot be read: No such file"):
        saved.part("a")


def test_places_that_cannot_be_used_are_named(tmp_path, monkeypatch):
    Path(tmp_path, "file").write_text("")
    with pytest.raises(CheckpointError, match=r"file cannot be written: (File exists|Not a directory)"):
        Folder(str(tmp_path / "file")).prepare()
    monkeypatch.setattr("hogwild.snapshots.stores.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"needs fsspec: pip install 'hogwild\[remote\]'"):
        Folder("s3://bucket/runs")


def test_names_of_unknown_file_systems_are_refused():
    pytest.importorskip("fsspec", reason="it is an extra")
    with pytest.raises(CheckpointError, match="nowhere://runs is no place for checkpoints"):
        Folder("nowhere://runs")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"path": ""}, "path='' must be the name of a directory"),
        ({"path": 3}, "path=3 must be the name of a directory"),
        ({"every_s": 0}, "every_s=0 must be a positive number of seconds, or None"),
        ({"every_s": None}, "nothing says when"),
        ({"epochs": 0}, "epochs=0 must be a whole number of at least 1, or None"),
        ({"keep": 0}, "keep=0 must be a whole number of at least 1"),
    ],
)
def test_settings_are_checked(options, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        Checkpoint(**{"path": "runs", **options})
