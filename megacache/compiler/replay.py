"""Replay: torch's guards of one guarded code, built anew for a live frame, as a text that two processes can compare.

Layer: compiler. A guard is kept as torch made it: where its value comes from, and which check it is. Its value is not
kept: the check is made again from what the live frame holds, by torch's own builder. Two texts are equal when every
check would be the same; an identity check stands in the text as the content of the object that it pins. So the checks
that torch itself cannot carry to another process are carried as well, and what was rebuilt pins the live objects.

Source: `CheckFunctionManager` and `GuardBuilder` in `torch/_dynamo/guards.py`, `OutputGraphGuardsState` in
`torch/_dynamo/output_graph.py`, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import builtins
import dataclasses
import functools
import io
import pickle
import re
import types
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch._dynamo.guards import CheckFunctionManager, convert_int_to_concrete_values
from torch._dynamo.output_graph import OutputGraphCommon, OutputGraphGuardsState
from torch._dynamo.source import GlobalSource
from torch._dynamo.symbolic_convert import _import_module  # it remembers, and torch compares what it puts there
from torch._guards import ChainedSource, Guard, GuardsSet
from torch.utils import _pytree
from torch.utils._ordered_set import OrderedSet
from torch.utils.weak import TensorWeakRef

from megacache.compiler.content import Content, UnprovableError, digest
from megacache.compiler.guard_values import check_name, identities_told, values_told
from megacache.compiler.surroundings import Surroundings

Scope = dict[str, Any]

BUILTINS_ALIAS = "__builtins_dict__megacache"
"""Our name for the builtins in the globals of a served frame; torch's own has a number that two processes share."""

_KNOWN_CHECKS = frozenset(
    {
        "AUTOGRAD_SAVED_TENSORS_HOOKS",
        "BOOL_MATCH",
        "BUILTIN_MATCH",
        "CLASS_MATCH",
        "CLOSURE_MATCH",
        "CONSTANT_MATCH",
        "CONSTANT_SUBCLASS_MATCH",
        "COUNT_ITERATOR_MATCH",
        "DEFAULT_DEVICE",
        "DETERMINISTIC_ALGORITHMS",
        "DICT_CONTAINS",
        "DICT_KEYS_MATCH",
        "DICT_NOT_CONTAINS",
        "DISPATCH_KEY_SET_MATCH",
        "DUAL_LEVEL",
        "DUPLICATE_INPUT",
        "EMPTY_NN_MODULE_HOOKS_DICT",
        "EQUALS_MATCH",
        "FSDP_TRAINING_STATE",
        "FUNCTION_MATCH",
        "GLOBAL_STATE",
        "GRAD_MODE",
        "HASATTR",
        "ID_MATCH",
        "MAPPING_KEYS_CHECK",
        "MODULE_MATCH",
        "NONE_MATCH",
        "NOT_NONE_MATCH",
        "NOT_PRESENT_IN_GENERIC_DICT",
        "RANGE_ITERATOR_MATCH",
        "SEQUENCE_LENGTH",
        "SET_CONTAINS",
        "SET_NOT_CONTAINS",
        "SHAPE_ENV",
        "TENSOR_MATCH",
        "TORCH_FUNCTION_STATE",
        "TUPLE_ITERATOR_LEN",
        "TYPE_MATCH",
        "WEAKREF_ALIVE",
    }
)
"""The checks whose text, with identities told by content, says all that they check. Others are never replayed."""

_IDENTITY = re.compile(
    r"^(?P<head>[| ]*\+- (?:ID|TYPE)_MATCH: _+check_(?:obj|type)_id\(.+, )(?P<id>\d+)(?P<rest>\).*)$"
)
_PYTREE_VERSION = re.compile(r"^(?P<head>[| ]*\+- DICT_VERSION: ___dict_version\(.+\) == )\d+$")


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
            imports={**output_graph.import_sources, **_module_aliases(output_graph).values},
            surroundings=Surroundings.of(
                output_graph.tracing_context.traced_code, str(output_graph.global_scope.get("__name__"))
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


class Replay(CheckFunctionManager):
    """The guards of a state, built for a live frame.

    Args:
        code: The frame's code object.
        state: The guards.
        local_scope: The frame's locals.
        global_scope: The frame's globals, with the names that `name_in` puts there.
        output_graph: At the end of torch's own compile, the graph that knows the global state from its beginning; None
            takes the state of this moment.

    Attributes:
        proofs: One line per check.
        told_codes: The digests of the code objects that the identity checks tell.

    Raises:
        UnprovableError: When a check cannot be made again, or pins what has no content to be told by.
    """

    def __init__(
        self,
        code: types.CodeType,
        state: GuardState,
        local_scope: Scope,
        global_scope: Scope,
        output_graph: Any = None,
    ) -> None:
        self._pinned: dict[int, tuple[object, str]] = {}
        self._builder: Any = None
        self._state = state
        self._scopes = local_scope, global_scope
        for name in map(check_name, (create for _, create in state.guards)):
            if name not in _KNOWN_CHECKS:
                raise UnprovableError(f"torch's guard {name} cannot be proven in another process")
        live = OutputGraphGuardsState(
            local_scope=local_scope,
            global_scope=global_scope,
            torch_function_mode_stack=[],
            guard_on_key_order=set(state.key_order),
            input_source_to_sizes_strides=dict(state.sizes),
            dual_level=state.dual_level,
            functorch_layers=[],
            current_device=output_graph.current_device if output_graph else torch.utils._device.CURRENT_DEVICE,
            global_state_guard=(
                output_graph.global_state_guard if output_graph else torch._C._dynamo.guards.GlobalStateGuard()
            ),
            _guards=GuardsSet(OrderedSet([Guard(source, create) for source, create in state.guards])),
            _aotautograd_guards=list(state.relations),
            skip_guards_check=True,
            name_of_builtins_dict_key_in_fglobals=BUILTINS_ALIAS,
        )
        try:
            super().__init__(code, OutputGraphCommon(live), shape_code_parts=state.shape_parts)
        except Exception as error:  # a value that a guard reads may be gone, and reading runs code of the user's
            raise UnprovableError(
                f"a guard cannot be made of the live frame: {type(error).__name__}: {error}"
            ) from error
        builder, self._builder = self._builder, None
        content = Content()
        self.proofs = tuple(self._tell(builder, content))
        del self._scopes
        self.told_codes = content.codes

    def id_ref(self, obj: object, obj_str: str) -> int:
        """Note which object an identity check pins; most replays are only compared, and leave no trace."""
        self._pinned[id(obj)] = (obj, obj_str)
        return id(obj)

    def adopt(self) -> Any:
        """Return the guard manager, to be used from now on: it ends with any object that it pins.

        Returns:
            Torch's `GuardManagerWrapper`.
        """
        for pinned, name in self._pinned.values():
            super().id_ref(pinned, name)
        self._weakrefs.clear()  # as torch does: a finalizer of each object keeps this manager alive
        self._pinned.clear()
        return self.guard_manager

    def build_guards(self, *args: Any, **kwargs: Any) -> Any:
        """Keep the builder, which reads the values of the live frame."""
        built = super().build_guards(*args, **kwargs)
        self._builder = built[0]
        return built

    def holds(self, local_scope: Scope) -> bool:
        """Say whether the live frame passes the checks."""
        return bool(self.guard_manager.check(local_scope))

    def _tell(self, builder: Any, content: Content) -> Iterator[str]:
        """Yield one line per check, then one per value whose text says too little, then what tensors dispatch by."""
        for line in str(self.guard_manager).splitlines():
            yield self._told(line.rstrip(), content)
        for source, create in self._state.guards:
            yield from values_told(check_name(create), create, source, builder, content)
        yield from identities_told(self._state.guards, builder)
        yield from self._state.surroundings.told(*self._scopes)
        yield f"hooks of all modules: {torch.nn.modules.module._has_any_global_hook()}"  # type: ignore[no-untyped-call]
        yield f"dispatch by +{torch._C._dispatch_tls_local_include_set()} -{torch._C._dispatch_tls_local_exclude_set()}"

    def _told(self, line: str, content: Content) -> str:
        identity = _IDENTITY.match(line)
        pinned = self._pinned.get(int(identity["id"])) if identity is not None else None
        if identity is not None and pinned is not None:
            return f"{identity['head']}{digest(content.facts(pinned[0]))}{identity['rest']}"
        version = _PYTREE_VERSION.match(line)
        if version is not None:
            names = sorted(f"{each.__module__}.{each.__qualname__}" for each in _pytree.SUPPORTED_NODES)
            return f"{version['head']}{digest(tuple(names))}"
        return line


def is_ordinary() -> bool:
    """Say whether nothing is active in this thread that the guards we replay do not tell: a mode or a transform."""
    return (
        torch._C._len_torch_function_stack() == 0
        and torch._C._len_torch_dispatch_stack() == 0
        and torch._C._functorch.peek_interpreter_stack() is None
    )


def name_in(scope: Scope, state: GuardState) -> list[str]:
    """Put the names that the guards need into a frame's globals.

    Returns:
        The names that were not there.

    Raises:
        UnprovableError: When a name stands for something else there, or a module cannot be imported.
    """
    wanted: dict[str, object] = {BUILTINS_ALIAS: _builtins_of(scope)}
    for alias, module in state.imports.items():
        try:
            wanted[alias] = _import_module(module)
        except ImportError as error:
            raise UnprovableError(f"module {module} cannot be imported here: {error}") from error
    taken = [name for name, value in wanted.items() if name in scope and scope[name] is not value]
    if taken:
        raise UnprovableError(f"the name {taken[0]} stands for something else in the globals")
    new = [name for name in wanted if name not in scope]
    scope.update({name: wanted[name] for name in new})
    return new


def _builtins_of(scope: Scope) -> object:
    found = scope.get("__builtins__", builtins)
    return found.__dict__ if isinstance(found, types.ModuleType) else found


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
