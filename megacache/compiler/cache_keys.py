"""Cache keys: what torch leaves out of its AOT and FX keys, put into them.

Layer: compiler. Torch names an operator in a key and does not look at its Python parts: an edited fake or backward of a
`custom_op` finds what the old one left. So does a callable that stands in the graph as it is, and a decomposition that
the user registered. Where a graph has any of these, a digest of their content goes into the key; where they have no
content to compare, torch is told to bypass its cache, which it does with the reason. All other keys stay as they are.

Source: `autograd_cache_key` in `torch/_functorch/_aot_autograd/autograd_cache.py`, `compiled_fx_graph_hash` in
`torch/_inductor/codecache.py`; 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from torch._functorch._aot_autograd import autograd_cache
from torch._inductor import codecache

from megacache.compiler.content import UnprovableError
from megacache.compiler.needs import Need, foreign_decompositions, needs_of_aten_graph, needs_of_graph
from megacache.compiler.patched import Patched

Key = tuple[str, list[str]]
"""A cache key of torch's, and its components."""


class CacheKeys(Patched):
    """Completes torch's keys while it is attached."""

    def _attach(self) -> None:
        aot_key, fx_key = autograd_cache.autograd_cache_key, codecache.compiled_fx_graph_hash

        @wraps(aot_key)
        def autograd_cache_key(module: Any, *args: Any, **kwargs: Any) -> Key:
            needs = _told(needs_of_graph, getattr(module, "gm", module), autograd_cache.BypassAOTAutogradCache)
            return _completed(aot_key(module, *args, **kwargs), needs)

        @wraps(fx_key)
        def compiled_fx_graph_hash(module: Any, *args: Any, **kwargs: Any) -> Key:
            needs = _told(needs_of_aten_graph, module, codecache.BypassFxGraphCache)
            return _completed(fx_key(module, *args, **kwargs), needs)

        self._replace(autograd_cache, "autograd_cache_key", autograd_cache_key)
        self._replace(codecache, "compiled_fx_graph_hash", compiled_fx_graph_hash)


def _told(tell: Callable[[Any], Sequence[Need]], module: Any, bypass: type[Exception]) -> tuple[Need, ...]:
    try:
        return (*tell(module), *foreign_decompositions())
    except UnprovableError as error:
        raise bypass(f"megacache: {error}") from error


def _completed(key: Key, needs: Sequence[Need]) -> Key:
    if not needs:
        return key
    text, components = key
    told = hashlib.sha256(repr((text, needs)).encode("utf-8", "surrogatepass")).hexdigest()
    # Torch's keys are a letter and 51 characters of base 32.
    lines = [f"[{digest}] python_parts[{kind} {name}]: {digest}" for kind, name, digest in needs]
    return text[0] + told[: len(text) - 1], [*components, *lines]
