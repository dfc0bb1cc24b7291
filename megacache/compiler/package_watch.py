"""Package watch: what each of torch's compile packages relies on, noted while torch compiles.

Layer: compiler.

Source: `CompilePackage.initialize` in `torch/_dynamo/package.py`; `CheckFunctionManager` in `torch/_dynamo/guards.py`,
where `caching_precompile` leaves guards out; 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from functools import wraps
from types import CodeType
from typing import Any

from megacache.compiler.codes import digest_of
from megacache.compiler.content import Content, UnprovableError, code_digest, digest
from megacache.compiler.needs import needs_of
from megacache.compiler.options import config_digest
from megacache.compiler.patched import Patched
from megacache.compiler.pinned import pinned_source
from megacache.compiler.precompile_entries import SWITCH
from megacache.compiler.reliance import Reliance

_LEFT_OUT = frozenset({"CLOSURE_MATCH", "DICT_VERSION", "ID_MATCH", "WEAKREF_ALIVE"})
"""The checks that torch leaves out with `caching_precompile`, as guards or as what a guard is made of."""

_FILTER_AT = 2
"""Where `guard_filter_fn` stands among the arguments of `CheckFunctionManager` after the first two."""

_UNSEEN = "part of it was compiled while megacache was off, or was loaded from elsewhere"

_WHERE = "package watch"
"""What its faults are filed under."""


class PackageWatch(Patched):
    """Notes what packages rely on while it is attached; what it noted stays as long as torch keeps the package."""

    def __init__(self) -> None:
        super().__init__()
        self._noted: dict[int, tuple[weakref.ref[Any], Reliance]] = {}

    def _attach(self) -> None:
        self._watch_packages()
        self._watch_guards()

    def detach(self) -> None:
        """Leave torch exactly as it was. What torch compiles from now on is not noted, and is said to be so."""
        super().detach()
        for _, reliance in self._noted.values():
            reliance.untold[_UNSEEN] = None

    def components(self, entry: Any) -> bytes | None:
        """Return what an entry relies on, as key components; None where it was not made under watch.

        Args:
            entry: Torch's `_DynamoCacheEntry`.
        """
        reliance = self._of(getattr(entry, "source_info", None))
        return None if reliance is None else reliance.encode()

    def components_at(self, key: str) -> bytes | None:
        """Return what the entry of a key in torch's `PrecompileContext` relies on; see `components`."""
        from torch._dynamo.precompile_context import PrecompileContext

        return self.components(PrecompileContext._dynamo_cache_entries.get(key))

    def _of(self, source_info: Any) -> Reliance | None:
        # An entry shares its `SourceInfo` with the package that it was made from, which has nothing else for good.
        found = self._noted.get(id(source_info))
        return found[1] if found is not None and found[0]() is source_info else None

    def _watch_packages(self) -> None:
        from torch._dynamo.package import CompilePackage

        original = CompilePackage.initialize

        @wraps(original)
        def initialize(package: Any, *args: Any, **kwargs: Any) -> None:
            original(package, *args, **kwargs)
            self._guarded(_WHERE, lambda: self._born(package, *args, **kwargs))

        self._replace(CompilePackage, "initialize", initialize)

    def _born(self, package: Any, _function: Any, dynamo: Any = None, *_: Any, **__: Any) -> None:
        reliance = Reliance()
        if dynamo is not None:
            reliance.untold[_UNSEEN] = None
        else:
            function = package._innermost_fn
            reliance.codes[f"{function.__module__}:{function.__qualname__}", digest_of(function.__code__)] = None
        source_info = package._source_info
        key = id(source_info)
        self._noted[key] = (weakref.ref(source_info, lambda _: self._forget(key)), reliance)

    def _forget(self, key: int) -> None:
        self._noted.pop(key, None)

    def _watch_guards(self) -> None:
        from torch._dynamo.guards import CheckFunctionManager

        original = CheckFunctionManager.__init__

        @wraps(original)
        def build(manager: Any, code: CodeType, output_graph: Any, *args: Any, **kwargs: Any) -> None:
            package = getattr(output_graph, "package", None)
            reliance = self._of(package._source_info) if package is not None else None
            if reliance is None:
                original(manager, code, output_graph, *args, **kwargs)
                return
            seen: list[Any] = []
            if len(args) > _FILTER_AT:
                args = (*args[:_FILTER_AT], _watching(args[_FILTER_AT], seen), *args[_FILTER_AT + 1 :])
            else:
                kwargs["guard_filter_fn"] = _watching(kwargs.get("guard_filter_fn"), seen)
            original(manager, code, output_graph, *args, **kwargs)
            self._guarded(_WHERE, lambda: _note(reliance, package, code, output_graph, seen))

        self._replace(CheckFunctionManager, "__init__", build)


def _watching(guard_filter: Any, seen: list[Any]) -> Callable[[Sequence[Any]], Sequence[bool]]:
    """Keep what the user's own filter keeps, and see what torch is about to leave out of that."""

    def watch(entries: Sequence[Any]) -> Sequence[bool]:
        is_kept = guard_filter(entries) if guard_filter is not None else [True for _ in entries]
        seen[:] = [each for each, kept in zip(entries, is_kept, strict=False) if kept and _is_left_out(each)]
        return is_kept

    return watch


def _is_left_out(entry: Any) -> bool:
    import torch._dynamo

    names = {entry.guard_type, *entry.derived_guard_types}
    return bool(torch._dynamo.config.caching_precompile and names & _LEFT_OUT)


def _note(reliance: Reliance, package: Any, code: CodeType, output_graph: Any, left_out: Sequence[Any]) -> None:
    """Note what one compile relies on; what cannot be told is noted as such."""
    function = package._innermost_fn
    try:
        now = config_digest(without={SWITCH})
        if reliance.config_digest not in (None, now):
            reliance.untold["it was compiled with several configs"] = None
        reliance.config_digest = now
        needs = needs_of(output_graph, code, output_graph.global_scope, {code_digest(code)})
        reliance.needs |= dict.fromkeys(needs)
        for entry in left_out:
            source = pinned_source(entry.orig_guard.name, function if code is function.__code__ else None)
            reliance.pinned[source, digest(Content().facts(entry.value))] = None
    except UnprovableError as error:
        reliance.untold[str(error)] = None


WATCH = PackageWatch()
"""The one of this process."""
