"""Signing: what a signature covers, and that whatever is changed afterwards, in any row, is found."""

import json
import shutil
import sqlite3
from hashlib import sha256
from pathlib import Path

import pytest

from forgery import forge
from megacache.bundle import Bundle, signatures
from megacache.bundle.rows import TABLES
from megacache.errors import CorruptBundleError
from megacache.trust.keys import PrivateKey
from megacache.trust.signing import check, objections, sign, signed_report
from samples import WARM, small_recording

GOLDEN = Path(__file__).parents[1] / "golden"

_FORGED = {
    "TEXT": "coalesce(NAME, '') || 'x'",
    "INTEGER": "coalesce(NAME, 0) + 1000",
    "LIST": """'["forged"]'""",
    "MAPPING": """'{"forged":"1"}'""",
}
"""SQL of another value than the one of a column, by the kind of the column."""

COLUMNS = [(table, column) for table in TABLES for column in table.columns]


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> tuple[Path, PrivateKey]:
    """A bundle that a key has signed."""
    file, key = tmp_path_factory.mktemp("signed") / "small.megacache", PrivateKey.generate("Ada of the team")
    with Bundle.create(file) as bundle:
        bundle.append(*small_recording())
    sign(file, key)
    return file, key


@pytest.fixture
def key(original) -> PrivateKey:
    return original[1]


@pytest.fixture
def signed(original, tmp_path) -> Path:
    return shutil.copyfile(original[0], tmp_path / "small.megacache")


def states(path, *keys):
    with Bundle.open(path) as bundle:
        return [each.state for each in check(path, bundle.recording(), [each.public for each in keys])]


def column_ids(value):
    return getattr(value, "name", None)


# -- what is good ------------------------------------------------------------------------------------------------


def test_what_was_signed_is_good(signed, key):
    assert states(signed, key) == ["good"]
    found = signed_report(signed, [key.public])
    assert found.is_signed
    assert f"it was signed by Ada of the team ({key.public.fingerprint}) on " in str(found)


def test_compacting_and_copying_keep_a_signature(signed, key, tmp_path):
    with Bundle.open(signed) as bundle:
        bundle.compact()
    assert states(shutil.copyfile(signed, tmp_path / "copy.megacache"), key) == ["good"]


def test_saving_what_is_there_already_keeps_a_signature(signed, key):
    with Bundle.open(signed) as bundle:
        bundle.append(*small_recording())
    assert states(signed, key) == ["good"]


def test_several_keys_sign_side_by_side_and_each_replaces_its_own(signed, key):
    other = PrivateKey.generate("Bob")
    sign(signed, other)
    sign(signed, other, signer="Bob, again")
    assert states(signed, key, other) == ["good", "good"]
    assert sorted(each.signer for each in signatures.signatures(signed)) == ["Ada of the team", "Bob, again"]


def test_a_bundle_of_the_first_version_can_be_signed(key, tmp_path):
    old = shutil.copyfile(next((GOLDEN / "v1").glob("*.megacache")), tmp_path / "old.megacache")
    with Bundle.open(old) as bundle:
        assert bundle.format_version == 1
        before = bundle.recording()
    assert signatures.signatures(old) == ()
    assert objections(check(old, before, [key.public])) == ("nobody signed it",)
    sign(old, key)
    with Bundle.open(old) as bundle:
        assert bundle.format_version == 2
        assert signatures.rows_sha256(bundle.recording()) == signatures.rows_sha256(before)
    assert states(old, key) == ["good"]


def test_the_digest_is_what_the_format_says(path):
    """Written once more from FORMAT.md, with nothing of the house but the names of its tables."""
    connection = sqlite3.connect(path)
    lines = []
    for table in TABLES:
        names = [column.name for column in table.columns]
        found = connection.execute(f"SELECT {', '.join(names)} FROM {table.name}").fetchall()
        rows = [dict(zip(names, row, strict=True)) for row in found]
        for row in sorted(rows, key=lambda row: [row[name] for name in table.key]):
            told = {name: value for name, value in row.items() if value is not None}
            for name in ("hints", "restart_reasons", "stack", "user_stack", "config"):
                if name in told:
                    told[name] = json.loads(told[name])
            lines.append(json.dumps([table.name, told], ensure_ascii=False, separators=(",", ":"), sort_keys=True))
    connection.close()
    assert len(lines) > 50
    with Bundle.open(path) as bundle:
        expected = sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
        assert signatures.rows_sha256(bundle.recording()) == expected


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_digest_of_the_golden_bundle_is_the_one_that_the_format_names(version):
    with Bundle.open(GOLDEN / version / "notebook.megacache") as bundle:
        digest = signatures.rows_sha256(bundle.recording())
    assert digest == "66ccb9c4f4326f413685f72738e8a21a1746cfecd1e3017bb42037b226543233"
    assert digest in (Path(signatures.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")


def test_the_signed_message_is_what_the_format_says(signed, key):
    (row,) = signatures.signatures(signed)
    facts = f'"rows_sha256":"{row.rows_sha256}","signed_us":{row.signed_us},"signer":"Ada of the team"'
    message = f'megacache bundle signature, version 1\n{{"public_key":"{key.public.text}",{facts}}}'
    assert key.public.has_signed(message.encode(), row.signature)


# -- what is found -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=column_ids)
def test_a_changed_value_is_found(signed, key, table, column):
    forged = _FORGED[column.kind].replace("NAME", column.name)
    forge(signed, f"UPDATE {table.name} SET {column.name} = {forged}")
    assert states(signed, key) == ["changed"]
    assert not signed_report(signed, [key.public]).is_signed


@pytest.mark.parametrize("table", TABLES, ids=column_ids)
def test_a_row_that_was_added_is_found(signed, key, table):
    names = [column.name for column in table.columns]
    first = next(column for column in table.columns if column.name in table.key)
    values = ", ".join(_FORGED[first.kind].replace("NAME", name) if name == first.name else name for name in names)
    forge(signed, f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {values} FROM {table.name} LIMIT 1")
    assert states(signed, key) == ["changed"]


@pytest.mark.parametrize("table", TABLES, ids=column_ids)
def test_a_row_that_was_removed_is_found(signed, key, table):
    keys = ", ".join(table.key)
    forge(signed, f"DELETE FROM {table.name} WHERE ({keys}) = (SELECT {keys} FROM {table.name} LIMIT 1)")
    assert states(signed, key) == ["changed"]


def test_a_content_that_was_exchanged_is_found_when_it_is_read(signed, key):
    recording, _ = small_recording()
    one, other = (each.content_sha256 for each in recording.artifacts[:2])
    forge(
        signed,
        *(
            f"UPDATE {table} SET sha256 = '{new}' WHERE sha256 = '{old}'"
            for old, new in ((one, "held"), (other, one), ("held", other))
            for table in ("blob", "blob_part")
        ),
    )
    assert states(signed, key) == ["good"]  # the rows are the same
    with Bundle.open(signed) as bundle, pytest.raises(CorruptBundleError):
        bundle.read(one)


@pytest.mark.parametrize(
    "change",
    [
        "signer = 'Eve'",
        "signed_us = signed_us + 1",
        "rows_sha256 = '" + "0" * 64 + "'",
        "signature = zeroblob(64)",
        "signature = x'00'",
        "signature = substr(signature, 1, 63)",
    ],
)
def test_a_changed_signature_is_forged(signed, key, change):
    forge(signed, f"UPDATE signature SET {change}")
    assert states(signed, key) == ["forged"]
    assert "is not genuine" in str(signed_report(signed, [key.public]))


def test_a_digest_that_was_brought_up_to_date_is_forged(signed, key):
    forge(signed, "UPDATE artifact SET size_bytes = size_bytes + 1")
    with Bundle.open(signed) as bundle:
        now = signatures.rows_sha256(bundle.recording())
    forge(signed, f"UPDATE signature SET rows_sha256 = '{now}'")
    assert states(signed, key) == ["forged"]


def test_a_signature_by_another_key_does_not_count(signed, key):
    other = PrivateKey.generate("Ada of the team")
    assert states(signed, other) == ["unlisted"]
    assert f"a key that is not listed: Ada of the team ({key.public.fingerprint})" in str(
        signed_report(signed, [other.public])
    )


def test_a_signature_under_the_name_of_another_key_is_forged(signed, key):
    other = PrivateKey.generate()
    forge(signed, f"UPDATE signature SET public_key = '{other.public.text}'")
    assert states(signed, other) == ["forged"]


def test_a_signature_of_another_bundle_does_not_count(signed, key, tmp_path):
    other = shutil.copyfile(signed, tmp_path / "other.megacache")
    with Bundle.open(other) as bundle:
        bundle.prune(session_ids=[WARM])
    assert states(other, key) == ["changed"]
    sign(other, key)
    (moved,) = signatures.signatures(other)
    signatures.add(signed, lambda _: moved)
    assert states(signed, key) == ["changed"]


def test_what_is_no_key_is_not_listed(signed, key):
    forge(signed, "UPDATE signature SET public_key = 'no key', signer = char(27) || '[2J'")
    found = signed_report(signed, [key.public])
    assert str(found) == "  it is signed by a key that is not listed: [2J (no key)"


def test_of_many_signatures_that_say_nothing_a_few_are_told(signed, key):
    row = "SELECT printf('%064d', value), 'Eve', 1, '0', x'00' FROM (WITH RECURSIVE n(value) AS "
    forge(
        signed, f"INSERT INTO signature {row}(SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 5000) SELECT * FROM n)"
    )
    assert states(signed, key).count("good") == 1
    told = signed_report(signed, [PrivateKey.generate().public]).objections
    assert len(told) == 4
    assert told[-1] == "4,998 more signatures do not vouch for it, either"


def test_a_signature_of_another_type_is_damage(signed, key):
    connection = sqlite3.connect(signed, isolation_level=None)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_schema SET sql = replace(sql, 'STRICT, ', '') WHERE name = 'signature'")
    connection.close()
    forge(signed, "UPDATE signature SET signed_us = 'yesterday'")
    assert not signed_report(signed, [key.public]).is_signed
    assert "holds a value of another type" in signed_report(signed, [key.public]).objections[0]


def test_merging_and_pruning_end_a_signature(signed, key, tmp_path):
    with Bundle.create(tmp_path / "union.megacache") as union, Bundle.open(signed) as bundle:
        union.merge(bundle)
        bundle.prune(session_ids=[WARM])
    assert states(tmp_path / "union.megacache", key) == []
    assert states(signed, key) == ["changed"]


def test_an_index_that_answers_otherwise_deceives_nobody(signed, key):
    """What is digested is what was read for loading: rows out of an index that was made to harm are other rows."""
    columns = "added_us, artifact_type, cache_key, content_sha256, size_bytes, system_id"
    connection = sqlite3.connect(signed, isolation_level=None)
    (table,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'artifact'").fetchone()
    connection.execute(f"CREATE INDEX tempting ON artifact ({columns})")
    connection.execute(table.replace("artifact", "mirror", 1))
    connection.execute("INSERT INTO mirror SELECT * FROM artifact")
    connection.execute("UPDATE mirror SET size_bytes = 666")
    connection.execute(f"CREATE INDEX mirrored ON mirror ({columns})")
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute(
        "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'mirrored') "
        "WHERE name = 'tempting'"
    )
    connection.execute("DELETE FROM sqlite_schema WHERE name IN ('mirror', 'mirrored')")
    connection.close()
    with Bundle.open(signed) as bundle:
        assert {each.size_bytes for each in bundle.recording().artifacts} == {666}
    assert states(signed, key) == ["changed"]
    with sqlite3.connect(signed) as honest:
        honest_rows = honest.execute(
            "SELECT size_bytes FROM artifact ORDER BY artifact_type, cache_key, content_sha256"
        )
        assert (666,) not in honest_rows.fetchall()  # which another query finds
    honest.close()


def test_a_lone_surrogate_is_named_as_damage_and_neither_signed_nor_checked(signed, key):
    forge(signed, """UPDATE graph_break SET hints = '["\\ud800"]'""")
    with pytest.raises(CorruptBundleError, match=r"column graph_break\.hints holds JSON with a lone surrogate"):
        sign(signed, key)
    report = signed_report(signed, [key.public])
    assert not report.is_signed
    assert "a lone surrogate" in report.objections[0]
