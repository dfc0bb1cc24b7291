"""Precompile: warm starts that are right. Keeps each guarded code that Dynamo makes, and serves it again once proven.

Layer: compiler. Dynamo asks for a guarded code of a live frame; before it traces, the stored variants of that very code
are tried: the options are the same, every guard is rebuilt from the live frame and says what it said, what no guard
watches is the same by content. Then the stored bytecode runs, behind guards that pin the live objects: from there on
torch behaves as after its own compile. What cannot be proven is compiled again.

Torch's `caching_precompile` is not used: it leaves identity guards out, even in the process that compiles, and carries
the values of the others by pickle.

`frames` says what is asked for, `replay` and `needs` prove, `keeping` and `serving` do the two halves of the work.

Source: `_compile` in `torch/_dynamo/convert_frame.py`; `CheckFunctionManager` and `GuardBuilder.SHAPE_ENV` in
`torch/_dynamo/guards.py`; `_cache_autograd_info` and `_cache_inference_info` in
`torch/_functorch/_aot_autograd/graph_compile.py`. 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable
from functools import wraps
from types import CodeType
from typing import Any, TypeVar

from torch._dynamo import convert_frame, guards
from torch._dynamo.types import wrap_guarded_code
from torch._functorch._aot_autograd import graph_compile

from megacache.compiler.aot_entries import forward_entry, inference_entry
from megacache.compiler.frames import Scope, frame_of
from megacache.compiler.keeping import Keeper, Making
from megacache.compiler.patched import Patched
from megacache.compiler.raw_events import RawEvent
from megacache.compiler.serving import Server
from megacache.compiler.shelf import Shelf
from megacache.compiler.taps import MUTED

Result = TypeVar("Result")

_WHERE = "precompile"
"""What its faults are filed under."""


class Precompile(Patched):
    """Keeps and serves guarded codes while it is attached.

    Args:
        sink: Takes each event, in the thread in which it happened.
        shelf: What may be served.
    """

    def __init__(self, sink: Callable[[RawEvent], None], shelf: Shelf) -> None:
        super().__init__()
        self._keeper = Keeper(sink)
        self._server = Server(sink, shelf, lambda: self._note_fault(_WHERE))
        self._local = threading.local()

    def _attach(self) -> None:
        self._patch_compile()
        self._patch_guards()
        self._patch_shape_guards()
        self._patch_entries()
        self._quieten()

    def hear(self, event: RawEvent) -> None:
        """Learn of the artifacts that torch records."""
        self._keeper.hear(event)

    def flush(self) -> None:
        """Keep what could still become more: forwards whose backward has not run."""
        self._keeper.flush()

    def _patch_compile(self) -> None:
        original = convert_frame._compile

        @wraps(original)
        def compile_code(code: CodeType, global_scope: Scope, local_scope: Scope, *args: Any, **kwargs: Any) -> Any:
            compile_id = kwargs["compile_id"]
            frame = self._guarded(_WHERE, lambda: frame_of(code, global_scope, local_scope, args, compile_id))
            self._keeper.begin(str(compile_id))
            served = self._guarded(_WHERE, lambda: self._server.serve(frame, compile_id)) if frame else None
            if served is not None:
                return wrap_guarded_code(served)
            kwargs["skip"] = kwargs.get("skip", 0) + 1  # torch counts stack frames to find the user's
            outer, self._local.making = self._making, Making(frame) if frame else None
            try:
                result = original(code, global_scope, local_scope, *args, **kwargs)
                making = self._making
            finally:
                self._local.making = outer
            made = result.guarded_code
            if making is not None and made is not None:
                self._guarded(_WHERE, lambda: self._keeper.make(making, made.code))
            return result

        self._replace(convert_frame, "_compile", compile_code)

    def _patch_guards(self) -> None:
        original = guards.CheckFunctionManager.__init__

        @wraps(original)
        def build(manager: Any, code: CodeType, output_graph: Any, *args: Any, **kwargs: Any) -> None:
            original(manager, code, output_graph, *args, **kwargs)
            making = self._making
            if making is not None and code is making.frame.code and type(manager) is guards.CheckFunctionManager:
                self._guarded(_WHERE, lambda: making.see_guards(output_graph, manager.shape_code_parts))

        self._replace(guards.CheckFunctionManager, "__init__", build)

    def _patch_shape_guards(self) -> None:
        original = guards.GuardBuilder.SHAPE_ENV

        @wraps(original)
        def shape_env(builder: Any, guard: Any) -> None:
            # Torch keeps the text of shape guards only where it saves guards itself.
            saves, builder.save_guards = builder.save_guards, True
            try:
                original(builder, guard)
            finally:
                builder.save_guards = saves

        self._replace(guards.GuardBuilder, "SHAPE_ENV", shape_env)

    def _patch_entries(self) -> None:
        self._hear_of_graphs("_cache_autograd_info", _see_forward)
        self._hear_of_graphs("_cache_inference_info", _see_inference)

    def _hear_of_graphs(self, name: str, see: Callable[[Making, dict[str, Any]], None]) -> None:
        """Have torch's arguments told, by name, each time that it is about to keep an AOT entry of a graph."""
        original = getattr(graph_compile, name)
        signature = inspect.signature(original)

        @wraps(original)
        def cache_info(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            making = self._making
            if making is not None:
                self._guarded(_WHERE, lambda: see(making, signature.bind(*args, **kwargs).arguments))
            return result

        self._replace(graph_compile, name, cache_info)

    def _quieten(self) -> None:
        """Keep torch from logging the failure of a guard that we try: that is an answer, not an error."""
        logger = logging.getLogger("torch._guards")
        logger.addFilter(_is_the_users)
        self._undo.append(lambda: logger.removeFilter(_is_the_users))

    @property
    def _making(self) -> Making | None:
        """What Dynamo is making in this thread."""
        return getattr(self._local, "making", None)


def _see_forward(making: Making, facts: dict[str, Any]) -> None:
    """Take a forward whose backward is not lowered yet."""
    if facts["compiled_bw_func"] is None:
        cache_info = facts["aot_config"].cache_info
        making.see_graph(cache_info.cache_key if cache_info is not None else None, forward_entry(facts))


def _see_inference(making: Making, facts: dict[str, Any]) -> None:
    """Take a graph that torch puts under no key."""
    if facts["aot_config"].cache_info is None:
        making.see_graph(None, inference_entry(facts))


def _is_the_users(_record: logging.LogRecord) -> bool:
    return not MUTED.get()
