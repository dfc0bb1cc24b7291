"""Three ways to keep what was compiled from one process to the next: two of torch's own, and ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WAYS = {"mega": "torch, Mega-Cache", "precompile": "torch, caching_precompile", "ours": "megacache"}
"""Each way with its name for people."""


@contextmanager
def keeping(way: str, kept: Path) -> Iterator[None]:
    """Load what was kept, let torch compile, and keep it where nothing was kept before.

    Args:
        way: One of `WAYS`.
        kept: Torch's own container, or a bundle.
    """
    if way == "ours":
        import megacache

        with megacache.session(kept.stem, bundle=kept):
            yield
        return
    import torch

    with torch._dynamo.config.patch(caching_precompile=way == "precompile"):  # noqa: SLF001  It has no other name.
        is_warm = kept.exists()
        if is_warm:
            torch.compiler.load_cache_artifacts(kept.read_bytes())
        yield
        if not is_warm:
            kept.write_bytes(torch.compiler.save_cache_artifacts()[0])
