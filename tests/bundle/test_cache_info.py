"""Cache info: the keys by type, as torch's own lists them."""

import pytest

from megacache.bundle.cache_info import CacheInfo


def test_every_key_is_listed_once_by_its_type(bundle, small):
    recording, _ = small
    info = bundle.cache_info()
    expected = {(each.artifact_type, each.cache_key) for each in recording.artifacts}
    assert {(artifact_type, key) for artifact_type, keys in info.artifacts.items() for key in keys} == expected
    assert sum(info.counts.values()) == len(expected)
    assert info.inductor_artifacts == info.artifacts["inductor"]
    assert info.pgo_artifacts == info.artifacts.get("pgo", [])
    assert str(info).startswith(f"{len(expected)} keys: ")


def test_nothing_is_said_plainly():
    assert str(CacheInfo({})) == "no artifact"


@pytest.mark.torch
def test_torchs_own_has_the_same_names():
    from torch.compiler._cache import CacheInfo as TorchCacheInfo

    names = {name for name in dir(TorchCacheInfo) if name.endswith("_artifacts")}
    assert names == {name for name in dir(CacheInfo) if name.endswith("_artifacts")}
    assert "artifacts" in TorchCacheInfo().__dict__
