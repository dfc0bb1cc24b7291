"""Precompile: what a precompile entry tells of functions, guarded codes and graphs, read inertly.

Layer: bundle. Torch keeps code objects as plain fields (`SerializedCode`), so that their names can be read without
making code of them.

Source: `PrecompileCacheEntry`, `_DynamoCacheEntry`, `_DynamoCodeCacheEntry` and `SourceInfo` in
`torch/_dynamo/package.py`; `BackendCacheArtifact` in `torch/_dynamo/precompile_context.py`; 2.13.0 to 2.15.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from megacache.bundle.placeholders import PickledDict, PickledObject, Value
from megacache.bundle.torch_artifacts.graphs import AotEntry, aot_entry_of
from megacache.bundle.torch_artifacts.guards import GuardState, guard_state_of
from megacache.bundle.torch_artifacts.plain_values import MOST_ROWS, items, number, text, texts

_LONGEST_SOURCE = 256 << 10
_LONGEST_SOURCES = 32 << 20
_LONGEST_NAME = 1000
_MOST_BACKENDS = 2000
_MOST_NAMES = 100
_MOST_CODES_INSIDE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedCode:
    """One compiled variant of a code object.

    Attributes:
        names: The graphs that it calls and the resume functions that it goes on with, by the names in its bytecode.
        guards: Its guards.
    """

    names: tuple[str, ...]
    guards: GuardState


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeEntry:
    """One code object that Dynamo compiled.

    Attributes:
        module: `__name__` of the module that it is from.
        qualname: Its qualified name.
        filename: Its file, as it was where it was compiled.
        first_line: Its first line.
        source: Its source text, where torch kept it.
        function_names: Of a resume function, the names by which guarded codes call it.
        guarded_codes: Its variants, in the order of their compiles.
        is_bypassed: Whether torch passes its variants over when it loads them, since one could not be kept whole.
    """

    module: str | None
    qualname: str
    filename: str
    first_line: int
    source: str | None
    function_names: tuple[str, ...]
    guarded_codes: tuple[GuardedCode, ...]
    is_bypassed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecompileEntry:
    """All that torch keeps of one function that was given to `torch.compile`.

    Attributes:
        codes: The function and what it resumes with.
        backends: The compiled graphs by their ids; None where another backend than AOTAutograd made one.
        system: What torch says of the system that compiled, by the names of its `SystemInfo`.
    """

    codes: tuple[CodeEntry, ...]
    backends: dict[str, AotEntry | None]
    system: dict[str, str]

    @property
    def guard_states(self) -> Iterator[GuardState]:
        """The guards of every guarded code."""
        return (each.guards for code in self.codes for each in code.guarded_codes)

    @property
    def bypassed(self) -> tuple[str, ...]:
        """The names of the functions whose variants torch passes over."""
        return tuple(each.qualname for each in self.codes if each.is_bypassed)


def precompile_entry_of(value: Value) -> PrecompileEntry | None:
    """Read a `PrecompileCacheEntry`.

    Args:
        value: What its pickle holds.

    Returns:
        What it tells, or None when it is something else.
    """
    dynamo = value.get("dynamo") if isinstance(value, PickledObject) else None
    if not isinstance(value, PickledObject) or not isinstance(dynamo, PickledObject):
        return None
    backends = value.get("backends")
    pairs = backends.pairs[:_MOST_BACKENDS] if isinstance(backends, PickledDict) else []
    named = [(text(key, _LONGEST_NAME), _content(each)) for key, each in pairs]
    # What two places share is read once.
    entries = {id(content): aot_entry_of(content) for _, content in named}
    sources = _Sources(dynamo.get("source_info"))
    guards = _Guards()
    codes = {id(each): each for each in items(dynamo.get("codes"))[:_MOST_BACKENDS] if isinstance(each, PickledObject)}
    return PrecompileEntry(
        codes=tuple(_code(each, sources, guards) for each in codes.values()),
        backends={key: entries[id(content)] for key, content in named if key is not None},
        system=_system(dynamo.get("system_info")),
    )


def _content(backend: Value) -> Value:
    return backend.get("content") if isinstance(backend, PickledObject) else None


@dataclass(slots=True)
class _Guards:
    """The guards that were read, by the identity of their bytes: a stranger may use the same ones many times.

    `left` counts how many more variants are read.
    """

    found: dict[int, GuardState] = field(default_factory=dict)
    left: int = MOST_ROWS

    def of(self, content: Value) -> GuardState:
        if not isinstance(content, bytes):
            return GuardState(problem="it has no guards")
        if id(content) not in self.found:
            self.found[id(content)] = guard_state_of(content)
        return self.found[id(content)]


class _Sources:
    """The source texts that torch keeps: whole modules, and in them the lines of each function that it traced."""

    def __init__(self, source_info: Value) -> None:
        kept = items(source_info.get("inlined_sources")) if isinstance(source_info, PickledObject) else ()
        self._found = {
            (text(each.get("module"), _LONGEST_NAME), number(each.get("firstlineno"))): each
            for each in kept
            if isinstance(each, PickledObject)
        }
        self._lines: dict[int, list[str]] = {}
        self._left = _LONGEST_SOURCES

    def of(self, module: str | None, first_line: int) -> str | None:
        """Return the text of the function that begins there."""
        kept = self._found.get((module, first_line))
        content = kept.get("content") if kept else None
        last_line = number(kept.get("lastlineno")) if kept else None
        if not isinstance(content, str) or last_line is None:
            return None
        lines = self._lines.setdefault(id(content), content.splitlines(keepends=True))
        source = text("".join(lines[max(first_line - 1, 0) : max(last_line - 1, 0)]), _LONGEST_SOURCE)
        self._left -= len(source or "")
        return source if self._left >= 0 else None


def _code(entry: PickledObject, sources: _Sources, guards: _Guards) -> CodeEntry:
    code = entry.get("python_code")
    fields = code if isinstance(code, PickledObject) else PickledObject(None)
    module = text(entry.get("python_module"), _LONGEST_NAME)
    first_line = number(fields.get("co_firstlineno")) or 0
    names = (text(fields.get(name), _LONGEST_NAME) for name in ("co_qualname", "co_name"))
    kept = [each for each in items(entry.get("guarded_codes")) if isinstance(each, PickledObject)][: guards.left]
    guards.left -= len(kept)
    variants = (
        GuardedCode(names=_called(each.get("dynamo_code")), guards=guards.of(each.get("guards_state"))) for each in kept
    )
    return CodeEntry(
        module=module,
        qualname=next((name for name in names if name), "?"),
        filename=text(fields.get("co_filename"), _LONGEST_NAME) or "?",
        first_line=first_line,
        source=sources.of(module, first_line),
        function_names=texts(entry.get("function_names"), _LONGEST_NAME, _MOST_NAMES),
        guarded_codes=tuple(variants),
        is_bypassed=entry.get("bypassed") is True,
    )


def _called(code: Value) -> tuple[str, ...]:
    """Return the graphs and resume functions that a code object names, or one inside it."""
    found: dict[str, None] = {}
    waiting, seen = [code], 0
    while waiting and seen < _MOST_CODES_INSIDE and len(found) < _MOST_NAMES:
        each = waiting.pop()
        seen += 1
        if isinstance(each, PickledObject):
            names = texts(each.get("co_names"), _LONGEST_NAME, 10 * _MOST_NAMES)
            found |= dict.fromkeys(name for name in names if name.startswith(("__compiled_fn_", "__resume_at_")))
            waiting += [
                inner for inner in items(each.get("co_consts"))[: 10 * _MOST_NAMES] if isinstance(inner, PickledObject)
            ]
    return tuple(found)


def _system(info: Value) -> dict[str, str]:
    """Return what torch says of the system; the version of torch is pickled as a call with its text."""
    if not isinstance(info, PickledObject):
        return {}
    found = {}
    for name in ("python_version", "torch_version", "toolkit_version", "triton_version", "gpu_name"):
        value = info.get(name)
        if isinstance(value, PickledObject) and isinstance(value.arguments, tuple) and value.arguments:
            value = value.arguments[-1]
        if isinstance(value, tuple):
            value = ".".join(str(number(part)) for part in value[:4]) if any(value[:4]) else None
        if (shown := text(value, 100)) is not None:
            found[name] = shown
    return found
