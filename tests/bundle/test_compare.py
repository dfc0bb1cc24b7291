"""Compare: sessions, bundles and paths of bundles, in any pair."""

import pytest

import megacache
from megacache.errors import BundleNotFoundError


def test_a_path_is_as_good_as_the_bundle_there(bundle):
    found = megacache.diff(bundle, bundle.path)
    assert not found.has_findings
    assert found.in_both
    assert found == megacache.diff(str(bundle.path), bundle)


def test_a_path_without_a_bundle_is_told(bundle, tmp_path):
    with pytest.raises(BundleNotFoundError, match="no bundle at"):
        megacache.diff(bundle, tmp_path / "none.megacache")
