"""Kernels: compiled CPU kernels carried in the bundle, so that a warm start starts no compiler.

Layer: compiler. Torch's caches hold the C++ source of a CPU kernel, never its library. Here each library that torch
loads is handed to the sink, and one that was offered is loaded before torch looks for a compiler. What goes wrong
inside is kept as a fault, and torch goes its own way.

Source: `CppCodeCache`, `torch/_inductor/codecache.py`; the same in 2.13.0 and 2.15.0. A served kernel starts none of
torch's workers: `AsyncCompile` makes its threads and processes when the first task is submitted.
"""

from __future__ import annotations

import inspect
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from megacache.compiler.kernel_content import encode, header_of, library_of
from megacache.compiler.kernel_source import NO_ISA, KernelSource, kernel_source
from megacache.compiler.patched import Patched
from megacache.compiler.raw_events import ArtifactRecorded, ArtifactServed
from megacache.compiler.system import compiler_version
from megacache.compiler.taps import Sink, current_compile_id
from megacache.compiler.vector_isas import unprobed_isa_list
from megacache.errors import CorruptBundleError
from megacache.model import KERNEL, SystemInfo

FOLDER = "megacache-kernels"
"""Where served libraries lie, below torch's cache directory."""

Read = Callable[[], bytes]
Load = Callable[[], Any]
Result = TypeVar("Result")


class Kernels(Patched):
    """Hear of every CPU kernel that torch loads, and serve those that were offered.

    Args:
        sink: Takes each event, in the thread in which it happened. It should do no more than keep it.
    """

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink
        self._lock = threading.RLock()
        self._offered: dict[str, Read] = {}
        self._served: dict[str, str] = {}
        self._recorded: set[str] = set()
        self._live_isa: str | None = None

    def _attach(self) -> None:
        self._attach_loads()
        self._attach_isas()

    def offer(self, stored: Mapping[str, Read], system: SystemInfo, live: SystemInfo) -> None:
        """Offer kernels; torch asks for them by key when it needs them.

        Args:
            stored: How to read the content of each, by its cache key. One is read now, the others when they are asked
                for.
            system: What they were compiled with.
            live: The system of this process. With the same ISA on both, torch is spared its search for one.
        """
        self._offered.update(stored)
        if system.cpu_isa == live.cpu_isa == _compiled_isa(stored):
            self._live_isa = live.cpu_isa
        if self.is_attached:
            self._attach_isas()

    # -- what is attached ----------------------------------------------------------------------------------------

    def _attach_loads(self) -> None:
        from torch._inductor.codecache import CppCodeCache

        original = CppCodeCache.__dict__["load_async"].__func__
        signature = inspect.signature(original)

        @wraps(original)
        def load_async(cls: Any, *args: Any, **kwargs: Any) -> Any:
            source = self._guarded("kernel source", lambda: _asked(signature.bind(cls, *args, **kwargs)))
            served = self._guarded("kernel served", lambda: self._serve(cls, source)) if source else None
            if source and served is not None:
                self._guarded("kernel served", lambda: self._sink(self._event(source)))
                return served
            load = original(cls, *args, **kwargs)
            return self._heard(load, source) if source else load

        self._replace(CppCodeCache, "load_async", classmethod(load_async))

    def _attach_isas(self) -> None:
        from torch._inductor import cpu_vec_isa

        if self._live_isa is None:
            return
        answer = self._guarded("vector ISAs", lambda: unprobed_isa_list(self._live_isa))
        if answer is not None:
            self._replace(cpu_vec_isa, "valid_vec_isa_list", answer)

    # -- serving -------------------------------------------------------------------------------------------------

    def _serve(self, cache_class: Any, source: KernelSource) -> Load | None:
        """Return how to get at the library, or None when it was not offered."""
        with self._lock:
            load: Load | None = cache_class.cache.get(source.key)
            return load or self._load_offered(cache_class, source)

    def _event(self, source: KernelSource) -> ArtifactServed:
        return ArtifactServed(
            compile_id=source.compile_id,
            artifact_type=KERNEL,
            cache_key=source.key,
            content_sha256=self._served[source.key],
        )

    def _load_offered(self, cache_class: Any, source: KernelSource) -> Load | None:
        read = self._offered.get(source.key)
        if read is None:
            return None
        try:
            content = read()
            path = _put_in_place(source, content)
            library = cache_class._load_library(str(path), source.key)
        except BaseException:
            # Not again: what was tried once costs the next compile nothing.
            del self._offered[source.key]
            _forget_module(cache_class, source.key)
            raise

        def load() -> Any:
            return library

        self._served[source.key] = sha256(content).hexdigest()
        cache_class.cache[source.key] = load
        self._undo.append(lambda: cache_class.cache.pop(source.key, None))
        return load

    # -- hearing -------------------------------------------------------------------------------------------------

    def _heard(self, load: Load, source: KernelSource) -> Load:
        def load_and_record() -> Any:
            library = load()
            self._guarded("kernel recorded", lambda: self._record(library, source))
            return library

        return load_and_record

    def _record(self, library: Any, source: KernelSource) -> None:
        with self._lock:
            if not self.is_attached or source.key in self._recorded:
                return
            self._recorded.add(source.key)
        path = Path(getattr(library, "__file__", None) or library._name)
        content = encode({**source.facts, "compiler": compiler_version()}, path.read_bytes())
        self._sink(
            ArtifactRecorded(compile_id=source.compile_id, artifact_type=KERNEL, cache_key=source.key, content=content)
        )


def _asked(call: inspect.BoundArguments) -> KernelSource | None:
    call.apply_defaults()
    return kernel_source(call.arguments["cls"], call.arguments, current_compile_id())


def _compiled_isa(stored: Mapping[str, Read]) -> str | None:
    """Return the ISA of the first kernel that has vector code: torch built it, so its probes had found the ISA."""
    for read in stored.values():
        with suppress(Exception):  # It becomes a fault when it is asked for.
            isa = str(header_of(read())["isa"])
            if isa != NO_ISA:
                return isa
    return None


def _put_in_place(source: KernelSource, content: bytes) -> Path:
    """Write the library below torch's cache directory, unless it is there already.

    Raises:
        CorruptBundleError: When the content is damaged, or of another kernel.
    """
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    header, library = header_of(content), library_of(content)
    for name, fact in source.facts.items():
        if header.get(name) != fact:
            raise CorruptBundleError(f"the content of kernel {source.key} is another's: its {name} is not {fact!r}")
    path = Path(cache_dir()) / FOLDER / source.key[:2] / f"{source.key}.so"
    if not path.is_file() or sha256(path.read_bytes()).hexdigest() != header["library_sha256"]:
        _write(path, library)
    return path


def _write(path: Path, library: bytes) -> None:
    """Replace a file at once: another process may have it loaded."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        new = Path(folder) / path.name
        new.write_bytes(library)
        new.replace(path)


def _forget_module(cache_class: Any, key: str) -> None:
    """Take away what a failed load leaves behind: torch would take it for the loaded library."""
    name = f"{key}.{getattr(cache_class, 'entry_function', '')}"
    sys.modules.pop(name, None)
    getattr(cache_class, "_loaded_module_names", set()).discard(name)
