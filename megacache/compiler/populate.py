"""Populate: precompile entries out of a recording into torch's own cache directory, with a verdict for each.

Layer: compiler.

Source: `PrecompileCacheArtifact.populate_cache`, `torch/_dynamo/package.py`, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

from megacache.bundle.torch_format import TorchArtifact, write_artifacts
from megacache.compiler.hydrate import SUPERSEDED, key_refusal, verdict_on
from megacache.compiler.precompile_entries import PRECOMPILE, StoredEntry, entries_of, row_refusals
from megacache.compiler.system import live_system
from megacache.errors import ArtifactNotFoundError, CorruptBundleError, TorchError
from megacache.model import SystemInfo, Verdict
from megacache.recording import Recording
from megacache.report import LoadReport


def populated(recording: Recording, key: str | None, *, trust_unknown: bool) -> LoadReport:
    """Give the newest entry of each key that is right here to torch's cache.

    Args:
        recording: The rows, with their contents at hand.
        key: One key; None means all.
        trust_unknown: Take also what came from torch's own container.

    Returns:
        A verdict per entry.

    Raises:
        TorchError: When torch could not read what was given to it.
    """
    keys = dict.fromkeys(each.cache_key for each in recording.artifacts if each.artifact_type == PRECOMPILE)
    live = live_system()
    verdicts: list[Verdict] = []
    for each in keys if key is None else [key]:
        is_loaded = False
        for entry in entries_of(recording, each):
            reason = SUPERSEDED if is_loaded else _refusal(entry, recording, live, trust_unknown=trust_unknown)
            verdict = "unused" if is_loaded else "refused" if reason else "loaded"
            is_loaded = is_loaded or verdict == "loaded"
            verdicts.append(verdict_on(entry.artifact, verdict, reason))
    return LoadReport(tuple(verdicts))


def _refusal(entry: StoredEntry, recording: Recording, live: SystemInfo, *, trust_unknown: bool) -> str | None:
    """Give one entry to torch; or say why not."""
    reasons = row_refusals(entry, recording, live, trust_unknown=trust_unknown)
    if reasons:
        return "; ".join(reasons)
    if refusal := key_refusal(entry.artifact):
        return refusal
    try:
        content = recording.read(entry.artifact.content_sha256)
    except (ArtifactNotFoundError, CorruptBundleError) as error:
        return f"its content cannot be read: {error}"
    _give(entry.artifact.cache_key, content)
    return None


def _give(key: str, content: bytes) -> None:
    import torch

    if torch.compiler.load_cache_artifacts(write_artifacts([TorchArtifact(PRECOMPILE, key, content)])) is None:
        raise TorchError(
            f"torch {torch.__version__} could not take the precompile entry {key[:16]!r}, and logged why: "
            "check that its cache directory can be written",
            torch_version=str(torch.__version__),
        )
