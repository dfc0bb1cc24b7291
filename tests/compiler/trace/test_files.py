"""Tests of `megacache.compiler.trace.files`: where logs are, and their content."""

import gzip

import pytest

from megacache.compiler.trace.files import LOG_NAME, head, logs_at, reading
from megacache.errors import TraceError


@pytest.mark.parametrize(
    ("name", "rank", "rest"),
    [
        ("dedicated_log_torch_trace_1uyv99i_.log", None, "1uyv99i_"),
        ("dedicated_log_torch_trace_rank_12_2_n5k7fu.log", "12", "2_n5k7fu"),
        ("dedicated_log_torch_trace_rank_0_x.log.gz", "0", "x"),
    ],
)
def test_torchs_names_are_taken_apart(name, rank, rest):
    assert LOG_NAME.match(name).groupdict() == {"rank": rank, "rest": rest}


def test_logs_of_a_directory_are_in_order_of_their_ranks(tmp_path):
    names = [f"dedicated_log_torch_trace_{middle}x.log" for middle in ("", "rank_2_", "rank_10_")]
    for name in (*reversed(names), "other.log", "dedicated_log_torch_trace_x.txt"):
        (tmp_path / name).touch()
    assert [each.name for each in logs_at(tmp_path)] == names


def test_one_file_may_have_any_name(tmp_path):
    assert logs_at(tmp_path / "whatever") == [tmp_path / "whatever"]


@pytest.mark.parametrize("content", [b"", b"text", b"text" * 100_000])
def test_content_is_the_same_compressed_or_not(content, tmp_path):
    (tmp_path / "plain").write_bytes(content)
    (tmp_path / "compressed").write_bytes(gzip.compress(content))
    for name in ("plain", "compressed"):
        with reading(tmp_path / name) as stream:
            assert stream.read() == content
        assert head(tmp_path / name) == content[: 64 << 10]


def test_compressed_file_ends_where_it_is_damaged(tmp_path):
    compressed = bytearray(gzip.compress(bytes(range(256)) * 4000, mtime=0))
    compressed[-6] ^= 1  # its checksum
    (tmp_path / "damaged").write_bytes(compressed)
    (tmp_path / "cut").write_bytes(compressed[: len(compressed) // 2])
    (tmp_path / "none").write_bytes(b"\x1f\x8bthe rest is none")
    sizes = []
    for name in ("damaged", "cut", "none"):
        with reading(tmp_path / name) as stream:
            sizes.append(len(stream.read()))
    assert sizes[0] == 256 * 4000 > sizes[1] > sizes[2] == 0


def test_what_cannot_be_read_is_one_clear_error(tmp_path):
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(TraceError, match="cannot read") as failure:
            head(path)
        assert failure.value.path == str(path)
