"""Frames: what goes in comes out, repetition is free, and no frame gives more bytes than it should."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from megacache.bundle import frames


def compressed(raw):
    return b"".join(frames.compress([raw], len(raw)))


@given(st.binary(max_size=5000))
def test_bytes_come_back(raw):
    assert frames.decompress(compressed(raw), len(raw)) == raw


def test_a_repetition_at_the_other_end_of_a_pack_costs_nothing():
    unlike = os.urandom(4 << 20)
    assert len(compressed(unlike + unlike)) < 1.01 * len(unlike)


@pytest.mark.parametrize("difference", [-1, 1, -1000])
def test_another_size_than_promised(difference):
    frame = compressed(b"x" * 5000)
    with pytest.raises(ValueError, match="does not hold exactly"):
        frames.decompress(frame, 5000 + difference)


def test_a_bomb_is_never_unpacked():
    bomb = compressed(bytes(64 << 20))
    with pytest.raises(ValueError, match="does not hold exactly 100 bytes"):
        frames.decompress(bomb, 100)
    with pytest.raises(ValueError, match="above the 16777216 of a pack"):
        frames.decompress(bomb, 64 << 20)
    with pytest.raises(ValueError, match="above"):
        frames.decompress(bomb, -1)


def test_a_window_larger_than_a_pack_is_refused():
    zstd = frames._zstd()
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.content_size_flag: 0}
    compressor = zstd.ZstdCompressor(options=options)
    frame = compressor.compress(b"x" * 1000) + compressor.flush()
    with pytest.raises(ValueError, match="zstd says"):
        frames.decompress(frame, 1000)


@pytest.mark.parametrize("frame", [b"", compressed(os.urandom(1000))[:-3], b"no frame at all"])
def test_no_whole_frame(frame):
    with pytest.raises(ValueError, match=r"zstd says|does not hold exactly"):
        frames.decompress(frame, 1000)


def test_bytes_after_the_frame():
    frame = compressed(b"x" * 1000)
    with pytest.raises(ValueError, match="does not hold exactly"):
        frames.decompress(frame + b"more", 1000)
