"""References: what rows refer to, what is forgotten, and the names of what a pack holds."""

from megacache.bundle.connection import writing
from megacache.bundle.references import forget, names_in_pack, referenced


def test_everything_that_was_saved_is_referred_to(path, small):
    with writing(path) as connection:
        assert referenced(connection) == set(small[1])


def test_what_is_forgotten_is_gone_and_the_rest_stays(path, small):
    first, *others = small[1]
    with writing(path) as connection:
        forget(connection, [first, "not there"])
        for table in ("blob", "blob_part"):
            stored = {digest for (digest,) in connection.execute(f"SELECT sha256 FROM {table}")}
            assert stored == set(others)


def test_a_pack_is_named_by_what_it_holds(path, small):
    recording, _ = small
    with writing(path) as connection:
        names = names_in_pack(connection, 1)
        assert names_in_pack(connection, 2) == ()
    assert len(names) == len(recording.artifacts) + len(recording.documents)
    assert f"{recording.artifacts[0].artifact_type} {recording.artifacts[0].cache_key[:12]}" in names
    assert "document output_code of 0/0" in names
