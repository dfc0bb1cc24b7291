import pytest

from megacache.errors import UsageError
from megacache.explorer import transfers as transfers_module
from megacache.explorer.transfers import DOWNLOAD_CHUNK_BYTES, UPLOAD_CHUNK_BYTES, Transfers


@pytest.fixture
def transfers():
    made = Transfers()
    yield made
    made.close()


def offered(transfers, content):
    with transfers.making() as path:
        path.write_bytes(content)
    return path, transfers.offer(path, "x.megacache", "application/octet-stream")


def test_a_download_comes_in_pieces_and_is_gone_then(transfers):
    content = bytes(range(256)) * (DOWNLOAD_CHUNK_BYTES // 128)
    path, download = offered(transfers, content)
    assert download["bytes"] == len(content)
    received, is_last = b"", False
    while not is_last:
        chunk, is_last = transfers.read(download["token"], len(received))
        assert len(chunk) <= DOWNLOAD_CHUNK_BYTES
        received += chunk
    assert received == content
    assert not path.exists()
    with pytest.raises(UsageError, match="there is no such transfer"):
        transfers.read(download["token"], 0)


def test_a_file_that_could_not_be_made_is_gone_at_once(transfers):
    def half(path):
        path.write_bytes(b"half")
        path.with_name(f"{path.name}-journal").touch()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), transfers.making() as path:
        half(path)
    assert list(path.parent.iterdir()) == []


def test_an_empty_download_ends_at_once(transfers):
    _, download = offered(transfers, b"")
    assert transfers.read(download["token"], 0) == (b"", True)


def test_a_place_outside_of_a_download_is_refused(transfers):
    _, download = offered(transfers, b"abc")
    for at in (-1, 4):
        with pytest.raises(UsageError, match="is not in a download of 3 bytes"):
            transfers.read(download["token"], at)


def test_an_upload_is_put_together(transfers):
    pieces = [bytes([at]) * UPLOAD_CHUNK_BYTES for at in range(3)] + [b"end"]
    token = transfers.begin("/a/b\\c.megacache", sum(map(len, pieces)))
    at = 0
    for piece in pieces:
        assert transfers.write(token, at, piece) == at + len(piece)
        at += len(piece)
    with transfers.received(token) as path:
        assert path.name == "c.megacache"
        assert path.read_bytes() == b"".join(pieces)
    assert path.exists()  # torch may still read from it
    with pytest.raises(UsageError, match="no such transfer"), transfers.received(token):
        pass


@pytest.mark.parametrize(
    ("at", "chunk", "message"),
    [
        (5, b"x", "a piece from byte 5 came where byte 0 is the next"),
        (0, b"x" * 11, "more than was announced"),
        (0, b"x" * (UPLOAD_CHUNK_BYTES + 1), "more than was announced"),
    ],
)
def test_a_wrong_piece_is_refused_and_nothing_is_lost(transfers, at, chunk, message):
    token = transfers.begin("x", 10)
    with pytest.raises(UsageError, match=message):
        transfers.write(token, at, chunk)
    assert transfers.write(token, 0, b"0123456789") == 10


def test_an_upload_with_a_gap_is_not_loaded(transfers):
    token = transfers.begin("x", 10)
    transfers.write(token, 0, b"01234")
    with pytest.raises(UsageError, match="5 of 10 bytes are here"), transfers.received(token):
        pass
    assert transfers.write(token, 5, b"56789") == 10


def test_an_upload_that_cannot_be_used_is_removed(transfers):
    token = transfers.begin("x", 1)
    transfers.write(token, 0, b"0")
    with pytest.raises(ZeroDivisionError), transfers.received(token) as path:
        raise ZeroDivisionError
    assert not path.parent.exists()


@pytest.mark.parametrize("name", ["", "..", "/", "\\", "." * 5])
def test_an_upload_stays_in_its_folder(transfers, name):
    token = transfers.begin(name, 1)
    transfers.write(token, 0, b"0")
    with transfers.received(token) as path:
        assert path.name == "upload.megacache"


def test_an_empty_file_is_refused(transfers):
    with pytest.raises(UsageError, match=r"x\.megacache is empty"):
        transfers.begin("x.megacache", 0)


def test_a_cancelled_transfer_leaves_nothing(transfers):
    path, download = offered(transfers, b"abc")
    transfers.cancel(download["token"])
    transfers.cancel("unknown")
    assert not path.exists()


def test_of_many_transfers_the_oldest_go(transfers, monkeypatch):
    monkeypatch.setattr(transfers_module, "_OPEN_LIMIT", 2)
    first, _ = offered(transfers, b"1")
    _, download = offered(transfers, b"2")
    offered(transfers, b"3")
    assert not first.exists()
    assert transfers.read(download["token"], 0) == (b"2", True)


def test_closing_removes_every_file():
    transfers = Transfers()
    path, _ = offered(transfers, b"abc")
    token = transfers.begin("x", 10)
    transfers.close()
    assert not path.parent.exists()
    with pytest.raises(UsageError):
        transfers.write(token, 0, b"x")
