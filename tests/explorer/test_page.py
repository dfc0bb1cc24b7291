import gzip
import json
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from explorer_samples import decode
from megacache.bundle import Bundle
from megacache.errors import BundleNotWritableError, CorruptBundleError, FrontEndError
from megacache.explorer import page as page_module
from megacache.explorer.discretion import Discretion
from megacache.explorer.page import page
from megacache.explorer.snapshot import Snapshot
from megacache.explorer.summary import About
from megacache.recording import Recording, no_content
from samples import COLD

HOSTILE = "</script><script>alert(1)</script><!--<script>"


class Elements(HTMLParser):
    """The script elements of a page, as a browser's parser finds them: attributes and content."""

    def __init__(self, html):
        super().__init__()
        self.scripts, self.others, self._script = [], [], None
        self.feed(html)
        assert self._script is None

    def handle_starttag(self, tag, attributes):
        if tag == "script":
            self._script = (dict(attributes), [])
            self.scripts.append(self._script)
        else:
            self.others.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self._script:
            self._script[1].append(data)

    def handle_endtag(self, tag):
        if tag == "script":
            assert self._script is not None, "a script element was closed that was not open"
            self._script = None


def made(recording, discretion=None, title="encoder"):
    return page(Snapshot(recording, About(title=title)), discretion or Discretion()).decode()


def unpacked(html):
    """The trees by grouping, and all parts by name, with the first name of each shard."""
    trees, parts, firsts = {}, {}, []
    for attributes, content in Elements(html).scripts:
        if attributes.get("type") != "text/plain":
            continue
        data = b64decode("".join(content), validate=True)
        if attributes.get("id") == "megacache-tree":
            trees[attributes["data-grouping"]] = decode(data)
        else:
            shard = json.loads(gzip.decompress(data))
            assert attributes["class"] == "megacache-shard"
            assert next(iter(shard)) == attributes["data-first"]
            firsts.append(attributes["data-first"])
            parts |= shard
    return trees, parts, firsts


def test_the_page_holds_both_trees_and_every_part(recording, snapshot):
    trees, parts, _ = unpacked(made(recording))
    assert set(trees) == {"functions", "stacks"}
    assert trees["functions"][0]["count"] == len(snapshot.function_lines)
    assert trees["stacks"][0]["count"] == len(snapshot.stack_lines)
    assert set(parts) == {f"{kind}:{name}" for kind, name in snapshot.parts.names()}


def test_shards_are_in_order_and_small(recording, monkeypatch):
    monkeypatch.setattr(page_module, "SHARD_BYTES", 10_000)
    _, parts, firsts = unpacked(made(recording))
    assert len(firsts) > 5
    assert firsts == sorted(firsts)
    assert list(parts) == sorted(parts)


def test_no_home_directory_is_named(recording):
    html = made(recording)
    told = json.dumps(unpacked(html), ensure_ascii=False)
    assert "/home/ada" not in html + told
    assert "~/search/train.py" in told
    kept = json.dumps(unpacked(made(recording, Discretion(keeps_home=True))))
    assert "/home/ada/search/train.py" in kept


def test_what_is_said_of_the_environment_is_not_in_the_page(recording, monkeypatch):
    monkeypatch.setenv("SERVICE_TOKEN", "hunter2hunter2")
    session = replace(recording.sessions[0], cell="import os\nos.environ['SERVICE_TOKEN'] = 'other-secret'")
    source = "def f(x):\n    os.environ['A'] = 'third-secret'\n    return g(x, 'hunter2hunter2')\n"
    codes = (replace(recording.codes[0], source=source), *recording.codes[1:])
    changed = replace(recording, sessions=(session, *recording.sessions[1:]), codes=codes)
    told = json.dumps(unpacked(made(changed)))
    for secret in ("hunter2hunter2", "other-secret", "third-secret"):
        assert secret not in told
    kept = json.dumps(unpacked(made(changed, Discretion(keeps_environment=True))))
    assert "other-secret" in kept
    assert "third-secret" in kept


def test_nothing_that_was_captured_can_end_a_script(recording):
    clean = Elements(made(recording))
    codes = tuple(replace(each, qualname=HOSTILE, code_id=f"{HOSTILE}{at}") for at, each in enumerate(recording.codes))
    names = dict(zip((each.code_id for each in recording.codes), (each.code_id for each in codes), strict=True))
    compiles = tuple(replace(each, code_id=names[each.code_id]) for each in recording.compiles)
    sessions = tuple(replace(each, name=HOSTILE, cell=HOSTILE, error=HOSTILE) for each in recording.sessions)
    html = made(replace(recording, codes=codes, compiles=compiles, sessions=sessions), title=HOSTILE)
    hostile = Elements(html)
    assert HOSTILE not in html
    assert [tag for tag, _ in hostile.others] == [tag for tag, _ in clean.others]
    _, parts, _ = unpacked(html)
    assert f"source:{HOSTILE}0" in parts
    assert parts[f"source:cell:{COLD}"]["lines"][0]["text"] == HOSTILE


def test_our_own_script_cannot_end_its_element_either(recording):
    script = [content for attributes, content in Elements(made(recording)).scripts if attributes["type"] == "module"]
    assert script == [["document.body.dataset.told = '\\x3c/script>\\x3c!--<script>';"]]


def test_the_page_asks_for_nothing(recording):
    html = made(recording)
    policy = next(each["content"] for tag, each in Elements(html).others if "http-equiv" in each)
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    assert not any({"src", "href"} & set(each) for _, each in Elements(html).others)


def test_texts_beyond_the_room_of_the_page_say_how_long_they_are(recording, monkeypatch):
    monkeypatch.setattr(page_module, "PAGE_TEXT_LIMIT_BYTES", 300)
    _, parts, _ = unpacked(made(recording))
    texts = [part for name, part in parts.items() if name.startswith("text:")]
    assert any(part["text"] for part in texts)
    sizes = {row.content_sha256: row.size_bytes for row in recording.documents}
    empty = {name: part for name, part in parts.items() if name.startswith("text:") and not part["text"]}
    assert empty
    assert all(part["leftOutBytes"] == sizes[name[5:]] for name, part in empty.items())


def test_progress_counts_the_parts(recording):
    told = []
    page(Snapshot(recording, About(title="x")), Discretion(), lambda done, total: told.append((done, total)))
    assert told[0][0] == 0
    assert [done for done, _ in told] == list(range(told[0][1]))


def test_an_empty_recording_is_a_page():
    trees, parts, _ = unpacked(made(Recording()))
    assert trees["functions"][0]["count"] == 0
    assert "timeline:" in parts


def test_what_is_not_at_hand_is_left_out_of_the_page(recording):
    kept = {row.content_sha256 for row in recording.documents if row.name in ("guards", "events", "load_report")}
    bare = replace(recording, read=lambda sha256: (recording.read if sha256 in kept else no_content)(sha256))
    _, parts, _ = unpacked(made(bare))
    kinds = {name.partition(":")[0] for name in parts}
    assert kinds == {"node", "source", "guards", "timeline"}


def test_a_damaged_content_is_said_so_and_nothing_is_written(bundle_path, tmp_path):
    content = bytearray(bundle_path.read_bytes())
    content[content.index(b"\x28\xb5\x2f\xfd") + 16] ^= 0xFF  # in the first pack's zstd frame
    bundle_path.write_bytes(content)
    target = tmp_path / "page.html"
    with Bundle.open(bundle_path) as bundle, pytest.raises(CorruptBundleError, match="damaged"):
        bundle.export_html(target)
    assert not target.exists()


def test_a_bundle_is_exported_under_its_name(bundle_path, tmp_path):
    target = tmp_path / "page.html"
    with Bundle.open(bundle_path) as bundle:
        size_bytes = bundle.export_html(target)
    assert target.stat().st_size == size_bytes
    trees, _, _ = unpacked(target.read_text())
    summary = trees["functions"][0]["summary"]
    assert (summary["title"], summary["bundle"], summary["isLive"]) == ("encoder.megacache", None, False)
    assert bundle.export_html(target, keeps_home=True) != size_bytes  # a bundle that is closed is read again


@pytest.mark.parametrize("name", ["encoder.megacache", "encoder.html"])
def test_a_page_never_replaces_a_bundle(bundle_path, name):
    path = bundle_path.rename(bundle_path.with_name(name))
    before = path.read_bytes()
    with Bundle.open(path) as bundle, pytest.raises(BundleNotWritableError, match="choose another name"):
        bundle.export_html(path)
    assert path.read_bytes() == before


def test_without_a_front_end_one_sentence_says_what_to_do(recording, built):
    (built / "page.js").unlink()
    with pytest.raises(FrontEndError, match="make front-end") as failure:
        made(recording)
    assert failure.value.path.endswith("page.js")
