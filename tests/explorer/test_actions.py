import pytest

from megacache.errors import UsageError
from megacache.explorer.actions import Actions
from megacache.explorer.snapshot import Snapshot
from megacache.explorer.sources import source_of
from megacache.explorer.transfers import Transfers


class Desk:
    """Actions on a bundle, and how often a new snapshot was taken."""

    def __init__(self, path):
        self.source = source_of(path)
        self.transfers = Transfers()
        self.refresh_count = 0
        self.actions = Actions(self.source, self.transfers, self.refreshed)

    def refreshed(self):
        self.refresh_count += 1
        return Snapshot(self.source.recording(), self.source.about)

    def act(self, action, path=None, **options):
        return self.actions.act(action, path, options, lambda *_: None)


@pytest.fixture
def desk(bundle_path):
    made = Desk(bundle_path)
    yield made
    made.transfers.close()


@pytest.mark.parametrize(
    ("action", "name", "mime"),
    [
        ("export_bundle", "encoder.megacache", "application/vnd.sqlite3"),
        ("export_html", "encoder.html", "text/html"),
        ("export_trace", "encoder.trace.json", "application/json"),
    ],
)
def test_an_export_waits_to_be_downloaded(desk, action, name, mime):
    outcome = desk.act(action)
    assert (outcome["download"]["name"], outcome["download"]["mime"]) == (name, mime)
    assert outcome["text"].startswith(f"exported {name}, ")


def test_a_failed_export_leaves_nothing(desk, monkeypatch):
    seen = []

    def fail(path):
        path.write_bytes(b"half of a bundle")
        seen.append(path)
        raise UsageError("the disk is full")

    monkeypatch.setattr(desk.source, "export", fail)
    with pytest.raises(UsageError, match="the disk is full"):
        desk.act("export_bundle")
    assert list(seen[0].parent.iterdir()) == []


def test_the_name_of_a_download_has_nothing_that_a_path_has(desk, bundle_path, tmp_path):
    odd = bundle_path.rename(tmp_path / "a b:c.megacache")
    assert Desk(odd).act("export_trace")["download"]["name"] == "a-b-c.trace.json"


def test_only_what_is_true_is_kept_in_a_page(desk):
    def page(**options):
        download = desk.act("export_html", **options)["download"]
        return download["bytes"]

    assert page() == page(keepsHome="yes") == page(keepsHome=False)
    assert page(keepsHome=True) != page()


def test_a_save_shows_what_there_is_then(desk, tmp_path):
    outcome = desk.act("save_as", str(tmp_path / "copy"))
    assert "copy.megacache" in outcome["text"]
    assert desk.refresh_count == 1


def test_a_path_may_begin_at_home(desk, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    desk.act("save_as", "~/copy.megacache")
    assert (tmp_path / "copy.megacache").exists()


@pytest.mark.parametrize("path", [None, "", "  "])
def test_no_path_is_refused(desk, path):
    with pytest.raises(UsageError, match="no path is given"):
        desk.act("save_as", path)


@pytest.mark.parametrize("path", [".", "{folder}", "{folder}/"])
def test_a_directory_is_no_name_of_a_bundle(desk, tmp_path, path):
    with pytest.raises(UsageError, match="is a directory: add the name of a bundle"):
        desk.act("save_as", path.format(folder=tmp_path))
    assert not tmp_path.with_suffix(".megacache").exists()


@pytest.mark.parametrize("path", ["{folder}/none.megacache", "{folder}/no/where.megacache", "~nobody-has-this-name/x"])
def test_what_is_not_there_is_not_loaded(desk, tmp_path, path):
    with pytest.raises(UsageError, match=r"there is no /.* on the kernel's machine"):
        desk.act("load", path.format(folder=tmp_path))


def test_an_upload_is_no_action_of_its_own(desk):
    with pytest.raises(UsageError, match="needs a file"):
        desk.act("upload", "x")


@pytest.mark.parametrize("action", ["save", "__class__"])
def test_only_what_the_source_offers_is_done(desk, action):
    with pytest.raises(UsageError, match="does not offer"):
        desk.act(action, "x")
