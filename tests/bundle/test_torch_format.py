"""Torch format: what is written is read; every malformed container is refused; every group is kept."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from megacache.bundle.torch_format import TorchArtifact, read_artifacts, write_artifacts
from megacache.errors import CorruptBundleError, NotABundleError

TYPES = st.sampled_from(["inductor", "aot_autograd", "pgo"])
ARTIFACTS = st.lists(st.builds(TorchArtifact, TYPES, st.text(max_size=20), st.binary(max_size=50)), max_size=8)


def sealed(body: bytes) -> bytes:
    return zlib.crc32(body).to_bytes(4) + body


def body_of(*artifacts: TorchArtifact) -> bytes:
    return write_artifacts(artifacts)[4:]


ONE = TorchArtifact("inductor", "key", b"content")


@given(ARTIFACTS)
def test_what_is_written_is_read(artifacts):
    order = list(dict.fromkeys(each.artifact_type for each in artifacts))
    found = read_artifacts(write_artifacts(artifacts))
    assert found == sorted(artifacts, key=lambda each: order.index(each.artifact_type))


def test_the_bytes_are_those_that_torch_writes():
    written = write_artifacts([ONE])
    version, group = (1).to_bytes(8), (12).to_bytes(8) + b"aW5kdWN0b3I=" + (1).to_bytes(8)
    assert written == sealed(version + group + (4).to_bytes(8) + b"a2V5" + (7).to_bytes(8) + b"content")


def test_every_group_of_a_process_that_saved_twice_is_kept():
    """Torch's own reader makes a dict of the groups, so that of each type it keeps the last one alone."""
    later = TorchArtifact("inductor", "later", b"second save")
    twice = sealed(body_of(ONE) + body_of(later)[8:])
    assert read_artifacts(twice) == [ONE, later]
    assert write_artifacts(read_artifacts(twice)) == write_artifacts([ONE, later])


def test_one_group_per_type_is_written():
    other = TorchArtifact("pgo", "key", b"")
    assert write_artifacts([ONE, other, ONE]).count(b"aW5kdWN0b3I=") == 1


@pytest.mark.parametrize("data", [b"", b"short", b"these are notes, and long enough", b"SQLite format 3\x00" * 10])
def test_something_else(data):
    with pytest.raises(NotABundleError, match="not what"):
        read_artifacts(data)


def test_another_version():
    with pytest.raises(NotABundleError, match="not what"):
        read_artifacts(sealed((2).to_bytes(8) + body_of(ONE)[8:]))


@pytest.mark.parametrize("at", [0, 3, 12, 30, -1])
def test_a_flipped_byte(at):
    data = bytearray(write_artifacts([ONE]))
    data[at] ^= 0x10
    with pytest.raises(CorruptBundleError, match="checksum"):
        read_artifacts(bytes(data))


@pytest.mark.parametrize("kept", [13, 20, 40, -1])
def test_a_truncated_container(kept):
    with pytest.raises(CorruptBundleError, match="checksum"):
        read_artifacts(write_artifacts([ONE])[:kept])


@pytest.mark.parametrize("kept", [9, 16, 25, 30, 40, 46, 55, -1])
def test_a_container_that_ends_early_with_a_good_checksum(kept):
    with pytest.raises(CorruptBundleError, match="end inside"):
        read_artifacts(sealed(body_of(ONE)[:kept]))


def test_more_artifacts_than_there_are():
    body = body_of(ONE)
    many = body[:28] + (1 << 60).to_bytes(8) + body[36:]
    with pytest.raises(CorruptBundleError, match="end inside"):
        read_artifacts(sealed(many))


def test_a_length_beyond_the_end():
    body = body_of(ONE)
    with pytest.raises(CorruptBundleError, match="end inside"):
        read_artifacts(sealed(body[:8] + (1 << 63).to_bytes(8) + body[16:]))


@pytest.mark.parametrize("name", [b"aW5kdWN0b3I!", b"aW5kdWN0b3I", b"gICAgICAgICA"])
def test_a_name_that_is_no_text(name):
    body = (1).to_bytes(8) + len(name).to_bytes(8) + name + (0).to_bytes(8)
    with pytest.raises(CorruptBundleError, match="is no text"):
        read_artifacts(sealed(body))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(junk):
    for data in (junk, sealed((1).to_bytes(8) + junk)):
        try:
            found = read_artifacts(data)
        except (NotABundleError, CorruptBundleError):
            continue
        assert all(isinstance(each, TorchArtifact) for each in found)
