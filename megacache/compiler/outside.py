"""Outside: what torch lowers outside of any compile id, each named, and what it makes of it kept whole.

Layer: compiler. Dynamo gives a compile id to what it compiles by itself. `standalone_compile`, `aot_compile` and
`torch.compiler.precompile` lower without one; here each of them gets a title, and the file that it would write becomes
an artifact of ours. What goes wrong inside is kept as a fault, and torch goes its own way.

Source: `standalone_compile` in `torch/_inductor/standalone_compile.py`, `aot_compile_fullgraph` in
`torch/_dynamo/aot_compile.py`, 2.13.0 to 2.15.0; `_MakeFxCapture` in `torch/_precompile.py`, 2.15.0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from hashlib import sha256
from typing import Any

from megacache.compiler import versions
from megacache.compiler.patched import Patched
from megacache.compiler.raw_events import (
    ArtifactBypassed,
    ArtifactRecorded,
    ArtifactServed,
    OutsideEnded,
    OutsideStarted,
)
from megacache.compiler.taps import Sink, current_compile_id
from megacache.compiler.whole_files import function_file, pair_file, standalone_file
from megacache.errors import TorchError
from megacache.model import AOT_FUNCTION, COMPILED_ARTIFACT, PRECOMPILED

_NAME: ContextVar[str | None] = ContextVar("_NAME", default=None)
"""What the user calls the next standalone artifact."""

PRECOMPILE_PREFIX = "precompile:"
"""What tells the key of a precompile capture from that of the same function of `aot_compile`."""

UNNAMED = "graph"
"""The name of a graph whose class tells none."""


@contextmanager
def named(name: str | None) -> Iterator[None]:
    """Let what `standalone_compile` makes meanwhile have this name; None means the name of the graph's class."""
    token = _NAME.set(name)
    try:
        yield
    finally:
        _NAME.reset(token)


class Outside(Patched):
    """Hear of what is lowered outside of any compile id.

    Args:
        sink: Takes each event, in the thread in which it happened. It should do no more than keep it.
    """

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink
        self._names: defaultdict[str, dict[str, str]] = defaultdict(dict)

    def _attach(self) -> None:
        self._attach_standalone()
        self._attach_aot_functions()
        self._attach_precompile()

    @contextmanager
    def titled(self, title: str) -> Iterator[None]:
        """Let what happens meanwhile outside of any compile id have this title.

        Args:
            title: For people, such as `standalone_compile mlp`.
        """
        self._sink(OutsideStarted(compile_id=None, title=title))
        try:
            yield
        finally:
            self._sink(OutsideEnded(compile_id=None))

    def record(self, artifact_type: str, name: str, content: bytes) -> None:
        """Keep a whole thing that was made before.

        Args:
            artifact_type: One of `model.WHOLE_TYPES`.
            name: Its key.
            content: Its file.
        """
        self._sink(ArtifactRecorded(compile_id=None, artifact_type=artifact_type, cache_key=name, content=content))

    def served(self, artifact_type: str, name: str, sha256: str) -> None:
        """Say that a whole thing was loaded.

        Args:
            artifact_type: One of `model.WHOLE_TYPES`.
            name: Its key.
            sha256: The digest of its content, in hexadecimal.
        """
        self._sink(ArtifactServed(compile_id=None, artifact_type=artifact_type, cache_key=name, content_sha256=sha256))

    # -- what is attached ----------------------------------------------------------------------------------------

    def _attach_standalone(self) -> None:
        from torch._inductor.standalone_compile import standalone_compile as original

        @wraps(original)
        def standalone_compile(gm: Any, *args: Any, **kwargs: Any) -> Any:
            if current_compile_id() is not None:  # a backend that calls it: the work belongs to Dynamo's compile
                return original(gm, *args, **kwargs)
            name = _NAME.get() or self._name_of_graph(gm, (args, kwargs))
            with self.titled(f"standalone_compile {name}"):
                made = original(gm, *args, **kwargs)
                self._keep(COMPILED_ARTIFACT, name, lambda: standalone_file(made))
            return made

        self._replace(versions.module("torch._inductor.standalone_compile"), "standalone_compile", standalone_compile)

    def _attach_aot_functions(self) -> None:
        from torch._dynamo import aot_compile

        original = aot_compile.aot_compile_fullgraph

        @wraps(original)
        def aot_compile_fullgraph(model: Any, *args: Any, **kwargs: Any) -> Any:
            name = name_of(model)
            with self.titled(f"aot_compile {name}"):
                made = original(model, *args, **kwargs)
                self._keep(AOT_FUNCTION, name, lambda: function_file(made))
            return made

        self._replace(aot_compile, "aot_compile_fullgraph", aot_compile_fullgraph)

    def _attach_precompile(self) -> None:
        capture = versions.find("torch._precompile", "_MakeFxCapture")
        if capture is None:
            return
        original = capture.__call__

        @wraps(original)
        def call(self_: Any, *args: Any, **kwargs: Any) -> Any:
            name = name_of(self_._module._fn)
            with self.titled(f"precompile {name}"):
                result = original(self_, *args, **kwargs)
                code, cache = self_._rendered
                self._keep(PRECOMPILED, f"{PRECOMPILE_PREFIX}{name}", lambda: pair_file(code, cache))
            return result

        self._replace(capture, "__call__", call)

    # -- what they have in common --------------------------------------------------------------------------------

    def _name_of_graph(self, graph: Any, call: tuple[object, ...]) -> str:
        """Name a graph after its class; the same one compiled again has the same name, another one is numbered."""
        found = type(graph).__name__
        base = UNNAMED if found == "GraphModule" else found
        known = self._names[base]
        return known.setdefault(_identity(graph, call), f"{base}-{len(known) + 1}" if known else base)

    def _keep(self, artifact_type: str, name: str, content: Callable[[], bytes]) -> None:
        try:
            event: ArtifactRecorded | ArtifactBypassed = ArtifactRecorded(
                compile_id=None, artifact_type=artifact_type, cache_key=name, content=content()
            )
        except TorchError as error:
            event = ArtifactBypassed(
                compile_id=None, artifact_type=artifact_type, cache_key=name, reason=str(error.__cause__ or error)
            )
        except Exception:  # noqa: BLE001  the user's compile goes on, whatever happened to us
            self._note_fault("kept whole")
            return
        self._sink(event)


def _identity(graph: Any, call: tuple[object, ...]) -> str:
    """Return a digest of a graph's code and of what it is compiled with: of tensors size and type, all else as text."""
    import torch
    from torch.utils._pytree import tree_leaves

    leaves = tree_leaves(call)
    told = [(str(each.dtype), str(each.shape)) if isinstance(each, torch.Tensor) else repr(each) for each in leaves]
    return sha256(repr((getattr(graph, "code", ""), told)).encode("utf-8", "replace")).hexdigest()


def name_of(model: Any) -> str:
    """Return `module.qualname` of a function, a bound method or the class of a module's instance."""
    found = model if hasattr(model, "__qualname__") else type(model)
    return f"{found.__module__}.{found.__qualname__}"


def name_of_compiled(function: Any) -> str:
    """Return the name of what `aot_compile` made: of the code that was compiled, and of the module that it is from."""
    qualname: str = function._artifacts.original_code.co_qualname
    module = (function._extra_globals or {}).get("__name__")  # one that was loaded without globals has forgotten it
    return f"{module}.{qualname}" if module else qualname
