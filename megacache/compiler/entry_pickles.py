"""Entry pickles: torch's precompile entries as bytes, and back, with every failure named.

Layer: compiler.

Source: `DiskDynamoStore.write` and `read`, `torch/_dynamo/package.py`, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import pickle
from typing import Any

from megacache.compiler.precompile_entries import refused


def pickled(entry: Any, cache_key: str) -> bytes:
    """Pickle an entry as torch's `DiskDynamoStore` does.

    Args:
        entry: Torch's `PrecompileCacheEntry`.
        cache_key: Its key.

    Raises:
        EntryRefusedError: When torch cannot pickle it.
    """
    try:
        return pickle.dumps(entry)
    except Exception as error:  # A backend may hold anything.
        reasons = (f"torch cannot pickle it: {type(error).__name__}: {error}",)
        raise refused(cache_key, "torch's PrecompileContext", reasons) from error


def unpickled(content: bytes, cache_key: str, where: str) -> Any:
    """Load an entry; this runs its pickle.

    Args:
        content: The pickle, already checked against its digest.
        cache_key: Its key.
        where: Where it is stored, named in messages.

    Returns:
        Torch's `PrecompileCacheEntry`.

    Raises:
        EntryRefusedError: When it does not load, or is something else.
    """
    from torch._dynamo.package import PrecompileCacheEntry

    try:
        entry = pickle.loads(content)  # noqa: S301  The caller decided to run what is stored.
    except Exception as error:  # A pickle may raise anything.
        raise refused(cache_key, where, (f"it does not load: {type(error).__name__}: {error}",)) from error
    if not isinstance(entry, PrecompileCacheEntry):
        raise refused(cache_key, where, (f"it holds a {type(entry).__name__}, not torch's PrecompileCacheEntry",))
    return entry
