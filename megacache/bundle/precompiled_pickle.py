"""Precompiled pickle: torch's precompile entry as rows, out of its pickle, which is read as data and never run.

Layer: bundle.

Source: `PrecompileCacheEntry`, `_DynamoCacheEntry`, `_DynamoCodeCacheEntry`, `_GuardedCodeCacheEntry` and
`InlinedSource` in `torch/_dynamo/package.py`, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

from megacache.bundle.inert_pickle import read_pickle
from megacache.bundle.placeholders import PickledDict, PickledObject, Value
from megacache.bundle.torch_artifacts.plain_values import MOST_ROWS, items, number, text, texts
from megacache.errors import UnreadablePickleError
from megacache.precompiled import (
    InlinedSource,
    PrecompiledBackend,
    PrecompiledCode,
    PrecompiledEntry,
    PrecompiledVariant,
)

_LONGEST_NAME = 1000


def read_entry(key: str, content: bytes) -> tuple[PrecompiledEntry, tuple[PrecompiledBackend, ...]]:
    """Read a precompile entry.

    Args:
        key: Its key.
        content: Its pickle.

    Returns:
        The entry and its backends.

    Raises:
        UnreadablePickleError: When the pickle is damaged, or holds something else.
    """
    value = read_pickle(content).value
    dynamo = value.get("dynamo") if isinstance(value, PickledObject) else None
    if not isinstance(value, PickledObject) or not isinstance(dynamo, PickledObject):
        raise UnreadablePickleError(f"the content of {key[:16]!r} is no precompile entry of torch's: save it again")
    kept = value.get("backends")
    pairs = kept.pairs[:MOST_ROWS] if isinstance(kept, PickledDict) else []
    backends = tuple(
        PrecompiledBackend(backend_id=name, kind=_class_name(each))
        for name, each in ((text(key, _LONGEST_NAME), each) for key, each in pairs)
        if name is not None
    )
    system = _objects((dynamo.get("system_info"),))
    names = frozenset(each.backend_id for each in backends)
    sources = dynamo.get("source_info")
    inlined = items(sources.get("inlined_sources")) if isinstance(sources, PickledObject) else ()
    entry = PrecompiledEntry(
        key=key,
        name=text(dynamo.get("fn_name"), _LONGEST_NAME),
        first_line=number(dynamo.get("fn_first_lineno")),
        device_type=text(dynamo.get("device_type"), _LONGEST_NAME) or "",
        torch_version=_version(system[0].get("torch_version")) if system else "",
        python_version=_version(system[0].get("python_version")) if system else "",
        codes=tuple(_code(each, names) for each in _objects(items(dynamo.get("codes")))),
        inlined_sources=tuple(sorted(map(_source, _objects(inlined)), key=lambda each: (each.module, each.first_line))),
    )
    return entry, backends


def _code(code: PickledObject, backend_ids: frozenset[str]) -> PrecompiledCode:
    fields = next(iter(_objects((code.get("python_code"),))), PickledObject(None))
    needed = texts(code.get("backend_ids"), _LONGEST_NAME)
    imports = code.get("import_sources")
    return PrecompiledCode(
        module=text(code.get("python_module"), _LONGEST_NAME) or "?",
        qualname=_first_text(fields.get("co_qualname"), fields.get("co_name")),
        filename=_first_text(fields.get("co_filename")),
        first_line=number(fields.get("co_firstlineno")) or 0,
        function_names=texts(code.get("function_names"), _LONGEST_NAME),
        is_resume=code.get("install_to_global") is True,
        variants=tuple(_variant(each) for each in _objects(items(code.get("guarded_codes")))),
        backend_ids=needed,
        missing_backend_ids=tuple(each for each in needed if each not in backend_ids),
        import_sources=_texts_by_name(imports),
        is_bypassed=code.get("bypassed") is True,
    )


def _variant(guarded: PickledObject) -> PrecompiledVariant:
    code = next(iter(_objects((guarded.get("dynamo_code"),))), PickledObject(None))
    names = texts(code.get("co_names"), _LONGEST_NAME)
    guards = guarded.get("guards_state")
    return PrecompiledVariant(
        backend_ids=tuple(each for each in names if each.startswith("__compiled_fn_")),
        resume_names=tuple(each for each in names if each.startswith("__resume_at_")),
        guards_size_bytes=len(guards) if isinstance(guards, bytes) else 0,
    )


def _source(source: PickledObject) -> InlinedSource:
    return InlinedSource(
        module=_first_text(source.get("module")),
        first_line=number(source.get("firstlineno")) or 0,
        last_line=number(source.get("lastlineno")) or 0,
        checksum=_first_text(source.get("checksum")),
    )


def _objects(values: tuple[Value, ...]) -> list[PickledObject]:
    return [each for each in values if isinstance(each, PickledObject)]


def _first_text(*values: Value) -> str:
    return next((found for found in (text(each, _LONGEST_NAME) for each in values) if found), "?")


def _texts_by_name(value: Value) -> dict[str, str]:
    pairs = value.pairs[:MOST_ROWS] if isinstance(value, PickledDict) else []
    return {key: each for key, each in pairs if isinstance(key, str) and isinstance(each, str)}


def _class_name(value: Value) -> str:
    return value.name.rpartition(".")[2] if isinstance(value, PickledObject) else "?"


def _version(value: Value) -> str:
    """Return a version; torch's own is pickled as a call with its text."""
    if isinstance(value, PickledObject) and isinstance(value.arguments, tuple) and value.arguments:
        value = value.arguments[-1]
    return text(value, _LONGEST_NAME) or ""
