"""Cache info: which artifacts there are, by type, as torch's `CacheInfo` lists them.

Layer: bundle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from megacache.model import Artifact
from megacache.views.units import count


@dataclass(frozen=True)
class CacheInfo:
    """The cache keys of a bundle, by artifact type; each key once, in the order in which it came.

    The properties are those of torch's `CacheInfo`, so that code which reads the one reads the other. Types that torch
    does not have by itself are in `artifacts` alone.

    Source: `CacheInfo` in `torch/compiler/_cache.py`, 2.13.0 to 2.15.0.
    """

    artifacts: Mapping[str, list[str]]

    @classmethod
    def of(cls, artifacts: Iterable[Artifact]) -> CacheInfo:
        """List artifacts."""
        keys: dict[str, dict[str, None]] = {}
        for each in artifacts:
            keys.setdefault(each.artifact_type, {})[each.cache_key] = None
        return cls({artifact_type: list(found) for artifact_type, found in keys.items()})

    @property
    def counts(self) -> dict[str, int]:
        """How many keys there are of each type."""
        return {artifact_type: len(keys) for artifact_type, keys in self.artifacts.items()}

    @property
    def inductor_artifacts(self) -> list[str]:
        """The keys of compiled FX graphs."""
        return self.artifacts.get("inductor", [])

    @property
    def autotune_artifacts(self) -> list[str]:
        """The keys of autotuning's choices."""
        return self.artifacts.get("autotune", [])

    @property
    def aot_autograd_artifacts(self) -> list[str]:
        """The keys of AOTAutograd's entries."""
        return self.artifacts.get("aot_autograd", [])

    @property
    def pgo_artifacts(self) -> list[str]:
        """The keys of PGO states."""
        return self.artifacts.get("pgo", [])

    @property
    def precompile_artifacts(self) -> list[str]:
        """The keys of precompile entries."""
        return self.artifacts.get("precompile", [])

    def __str__(self) -> str:
        named = (f"{number:,} {artifact_type}" for artifact_type, number in self.counts.items())
        return f"{count(sum(self.counts.values()), 'key')}: {', '.join(named)}" if self.artifacts else "no artifact"
