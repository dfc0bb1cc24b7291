"""Frames: what Dynamo wants compiled, and the circumstances under which it does.

Layer: compiler.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import CellType, CodeType
from typing import Any

import torch
import torch._dynamo

from megacache.compiler import codes, replay
from megacache.compiler.content import Content, UnprovableError, code_digest, digest
from megacache.compiler.guarded_code import Facts, family_of
from megacache.compiler.options import config_digest, default_of, live_config, named_options
from megacache.compiler.process_groups import changes_of_groups, process_groups

Scope = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a code object is, and what it is: all that is kept of a frame when its compile is over."""

    module: str
    qualname: str
    digest: str
    filename: str
    first_line: int

    @property
    def family(self) -> str:
        """What the keys of all its variants begin with."""
        return family_of(self.module, self.qualname, self.digest)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a compile depends on beside the frame.

    `backend` tells the compiler with its own options, which `options` holds. `config` are the options of torch,
    `distributed` its process groups. `refusal` says what of these no other process could compare; then all else is
    empty.
    """

    backend: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, str] = field(default_factory=dict)
    config_digest: str = ""
    distributed: Mapping[str, str] = field(default_factory=dict)
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One live frame for which Dynamo wants a guarded code."""

    code: CodeType
    global_scope: Scope
    local_scope: Scope
    compile_id: str
    circumstances: Circumstances
    closure: tuple[CellType, ...] = ()

    @property
    def place(self) -> Place:
        """Where its code object is."""
        return Place(
            module=str(self.global_scope.get("__name__")),
            qualname=self.code.co_qualname,
            digest=code_digest(self.code),
            filename=codes.stable_filename(self.code.co_filename),
            first_line=self.code.co_firstlineno,
        )

    def check(self, facts: Facts) -> None:
        """Check all that does not depend on what the frame holds.

        Args:
            facts: Those of a stored guarded code.

        Raises:
            UnprovableError: When something is another thing now; names it.
        """
        place, live = self.place, self.circumstances
        if live.refusal is not None:
            raise UnprovableError(live.refusal)
        if (facts.digest, facts.module) != (place.digest, place.module):
            raise UnprovableError(f"`{place.qualname}` changed since it was compiled")
        if facts.backend != live.backend:
            raise UnprovableError(f"torch.compile was asked for {live.backend}, it was compiled with {facts.backend}")
        for option in sorted({*facts.config, *live.config}):
            now, then = (each.get(option) or default_of(option) for each in (live.config, facts.config))
            if now != then:
                room, _, name = option.partition(".")
                raise UnprovableError(f"{room} option `{name}` is {now} now, was {then}")
        if facts.config_digest != live.config_digest:
            raise UnprovableError("an option of torch that holds an object or that the environment sets is another now")
        for change in changes_of_groups(facts.distributed, live.distributed):
            raise UnprovableError(change)


def frame_of(
    code: CodeType, global_scope: Scope, local_scope: Scope, arguments: tuple[Any, ...], compile_id: Any
) -> Frame | None:
    """Return the frame of a call of torch's `_compile`, or None for one that is none of ours.

    Args:
        code: The first argument of `_compile`.
        global_scope: The second.
        local_scope: The third.
        arguments: The others: builtins, closure, compiler, is whole graph, is export, export constraints, hooks, ...
        compile_id: Torch's `CompileId`.

    Returns:
        The frame. None when it is exported, when compiled autograd made it, inside of a mode, and where torch's own
        `caching_precompile` is on. Where something the user gave to torch has no content to compare, its circumstances
        say so.

    Source: `_compile` in `torch/_dynamo/convert_frame.py`, 2.13.0 to 2.15.0.
    """
    closure, compiler, is_whole_graph, is_export, hooks = (arguments[at] for at in (1, 2, 3, 4, 6))
    backend: Any = torch._dynamo.eval_frame.innermost_backend(compiler)
    if not isinstance(backend, torch._TorchCompileInductorWrapper) or not replay.is_ordinary():
        return None
    if is_export or compile_id.compiled_autograd_id is not None or torch._dynamo.config.caching_precompile:
        return None
    circumstances = _circumstances(backend, is_whole_graph=is_whole_graph, hooks=hooks)
    return Frame(code, global_scope, local_scope, str(compile_id), circumstances, closure or ())


def _circumstances(backend: Any, *, is_whole_graph: bool, hooks: Any) -> Circumstances:
    try:
        name = _backend_name(backend, is_whole_graph=is_whole_graph, hooks=hooks)
        return Circumstances(name, backend.config, live_config(), config_digest(), process_groups())
    except UnprovableError as error:
        return Circumstances(refusal=str(error))


def _backend_name(backend: Any, *, is_whole_graph: bool, hooks: Any) -> str:
    options = named_options(backend.config)
    told = [f"inductor {options}", f"dynamic={backend.dynamic}", f"fullgraph={is_whole_graph}"]
    if hooks is not None and hooks.guard_filter_fn is not None:
        told.append(f"guard_filter_fn={digest(Content(is_deep=True).facts(hooks.guard_filter_fn))}")
    return ", ".join(told)
