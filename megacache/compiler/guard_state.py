"""Guard state: the guards of one guarded code as torch made them, without any of the values that they compare with.

Layer: compiler. What is kept are the sources and the checks; `replay` builds them again for a live frame. The names
that Dynamo made up for one process are replaced by ours when the state is written.

Source: `Guard` in `torch/_guards.py`, `GuardBuilder` in `torch/_dynamo/guards.py`, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import dataclasses
import functools
import io
import pickle
import types
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch._dynamo.guards import convert_int_to_concrete_values
from torch._dynamo.source import GlobalSource
from torch._guards import ChainedSource
from torch.utils import _pytree
from torch.utils.weak import TensorWeakRef

from megacache.compiler.content import UnprovableError
from megacache.compiler.surroundings import Surroundings

Scope = dict[str, Any]

BUILTINS_ALIAS = "__builtins_dict__megacache"
"""Our name for the builtins in the globals of a served frame; torch's own has a number that two processes share."""


@dataclass(frozen=True, slots=True)
class GuardState:
    """The guards of one guarded code, without any of the values that they compare with.

    `imports` maps torch's aliases in the frame's globals to the modules that they stand for; `surroundings` are told
    beside the guards.
    """

    guards: tuple[tuple[Any, Any], ...]
    key_order: tuple[Any, ...]
    sizes: Mapping[Any, Any]
    relations: tuple[Any, ...]
    dual_level: int
    shape_parts: Any
    imports: Mapping[str, str]
    surroundings: Surroundings

    @classmethod
    def of(cls, output_graph: Any, shape_parts: Any) -> GuardState:
        """Take the guards of a compile that has just made them.

        Args:
            output_graph: Torch's `OutputGraph`.
            shape_parts: Torch's `ShapeCodeParts`, or None without a shape guard.

        Raises:
            UnprovableError: When the frame ran under something that guards do not tell.
        """
        if output_graph.functorch_layers:
            raise UnprovableError("it was compiled inside a functorch transform")
        if output_graph.torch_function_mode_stack:
            raise UnprovableError("it was compiled inside a torch function mode")
        if getattr(output_graph, "backward_state", None):
            raise UnprovableError("it registers a hook on a gradient")
        imports = {**output_graph.import_sources, **_module_aliases(output_graph).values}
        return cls(
            guards=tuple(
                (each.originating_source, _without_values(each.create_fn))
                for each in output_graph.guards
                if not _is_of_named_tuple(each.originating_source, output_graph.global_scope)
            ),
            key_order=tuple(output_graph.guard_on_key_order),
            sizes=_pytree.tree_map(convert_int_to_concrete_values, output_graph.input_source_to_sizes_strides),
            relations=tuple(output_graph.aotautograd_guards),
            dual_level=output_graph.dual_level,
            shape_parts=_in_python(shape_parts),
            imports=imports,
            surroundings=Surroundings.of(
                output_graph.tracing_context.traced_code,
                str(output_graph.global_scope.get("__name__")),
                imports.values(),
            ),
        )

    def dump(self, output_graph: Any) -> bytes:
        """Return the state as bytes, without any of the names that Dynamo made up for this process.

        Args:
            output_graph: The same as for `of`.

        Raises:
            UnprovableError: When a guard's source cannot be written, or reads what only this process has.
        """
        aliases: dict[str, str | None] = dict.fromkeys(output_graph.installed_globals)
        aliases |= {output_graph.name_of_builtins_dict_key_in_fglobals: BUILTINS_ALIAS}
        aliases |= _module_aliases(output_graph).names
        buffer = io.BytesIO()
        values = tuple(getattr(self, each.name) for each in dataclasses.fields(self))
        try:
            _StatePickler(buffer, aliases).dump(values)
        except UnprovableError:
            raise
        except Exception as error:  # pickling runs code of every class that it meets
            raise UnprovableError(f"a guard cannot be written: {error}") from error
        return buffer.getvalue()

    @classmethod
    def load(cls, data: bytes) -> GuardState:
        """Read what `dump` returned. Loading runs pickle: only for what `hydrate` was told to load.

        Raises:
            UnprovableError: When a source cannot be made outside of a trace.
        """
        try:
            return cls(*pickle.loads(data))  # noqa: S301  The caller decided to load.
        except Exception as error:  # torch's sources run code of their own when they are made
            raise UnprovableError(f"a guard cannot be read back: {error}") from error


def _is_of_named_tuple(source: Any, scope: Scope) -> bool:
    """Say whether a source reads the namespace that Python makes for the `__new__` of a named tuple.

    It has no name in another process, and is the same for the same fields; the guard of the class tells those.
    """
    while isinstance(source, ChainedSource):
        source = source.base
    held = scope.get(source.global_name) if isinstance(source, GlobalSource) else None
    return isinstance(held, dict) and str(held.get("__name__")).startswith("namedtuple_") and "_tuple_new" in held


def _without_values(create: Any) -> Any:
    """Return a check without the objects that it holds weakly: they are read from the frame again."""
    if not isinstance(create, functools.partial):
        return create
    keywords = {name: _without_weakref(each) for name, each in create.keywords.items()}
    return functools.partial(create.func, *map(_without_weakref, create.args), **keywords)


def _without_weakref(value: Any) -> Any:
    return None if isinstance(value, (weakref.ref, TensorWeakRef)) else value


def _in_python(parts: Any) -> Any:
    """Return the shape guards without their C++ form, which would need a compiler."""
    if parts is None:
        return None
    return dataclasses.replace(parts, cpp_code_parts=None, python_fallback=True, shape_env_sources=[])


class _StatePickler(pickle.Pickler):
    """Writes guards with our names in the place of those that Dynamo made up; None: there is no other name."""

    def __init__(self, file: io.BytesIO, aliases: Mapping[str, str | None]) -> None:
        super().__init__(file, protocol=5)
        self._aliases = aliases

    def reducer_override(self, value: Any) -> Any:
        if type(value) is not GlobalSource or value.global_name not in self._aliases:
            return NotImplemented
        alias = self._aliases[value.global_name]
        if alias is None:
            raise UnprovableError(f"a guard reads {value.global_name}, which Dynamo made for this process alone")
        return GlobalSource, (alias,)


@dataclass(frozen=True, slots=True)
class _Aliases:
    """Our names for modules: by Dynamo's name, and what they stand for."""

    names: Mapping[str, str]
    values: Mapping[str, str]


def module_alias(module: str) -> str:
    """Return our name for a module in the globals of a served frame."""
    return f"__module_{module.replace('.', '_dot_')}__megacache"


def _module_aliases(output_graph: Any) -> _Aliases:
    scope = output_graph.global_scope
    modules = {
        name: scope[name].__name__
        for name in output_graph.installed_globals
        if isinstance(scope.get(name), types.ModuleType)
    }
    return _Aliases(
        {name: module_alias(module) for name, module in modules.items()},
        {module_alias(module): module for module in modules.values()},
    )
