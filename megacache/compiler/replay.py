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
import re
import types
from collections.abc import Iterator
from typing import Any

import torch
from torch._dynamo.guards import CheckFunctionManager
from torch._dynamo.output_graph import OutputGraphCommon, OutputGraphGuardsState
from torch._dynamo.symbolic_convert import _import_module  # it remembers, and torch compares what it puts there
from torch._guards import Guard, GuardsSet
from torch.utils import _pytree
from torch.utils._ordered_set import OrderedSet

from megacache.compiler.content import Content, UnprovableError, digest
from megacache.compiler.guard_state import BUILTINS_ALIAS, GuardState, Scope
from megacache.compiler.guard_values import check_name, identities_told, values_told

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
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""Where an object lies; what it is, is told in a line of its own (see `guard_values`)."""

_PYTREE_VERSION = re.compile(r"^(?P<head>[| ]*\+- DICT_VERSION: ___dict_version\(.+\) == )\d+$")


class Replay(CheckFunctionManager):
    """The guards of a state, built for a live frame.

    Args:
        code: The frame's code object.
        state: The guards.
        local_scope: The frame's locals.
        global_scope: The frame's globals, with the names that `name_in` puts there.
        output_graph: At the end of torch's own compile, the graph that knows the global state from its beginning; None
            takes the state of this moment.
        closure: The cells of the frame's function.

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
        closure: tuple[types.CellType, ...] = (),
    ) -> None:
        self._pinned: dict[int, tuple[object, str]] = {}
        self._builder: Any = None
        self._state = state
        self._scopes = local_scope, global_scope, closure
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
        line = _ADDRESS.sub("", line)
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
        except Exception as error:  # importing runs the module
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
