"""Entry view: torch's precompile entry as rows, from the live object; nothing of it is copied, pickled or run.

Layer: compiler, but needs no torch.

Source: `_DynamoCacheEntry` and what it holds, `torch/_dynamo/package.py`, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from megacache.precompiled import InlinedSource, PrecompiledCode, PrecompiledEntry, PrecompiledVariant

BACKEND_PREFIX = "__compiled_fn_"
RESUME_PREFIX = "__resume_at_"


def entry_view(key: str, entry: Any, backend_ids: Collection[str]) -> PrecompiledEntry:
    """Describe one entry.

    Args:
        key: Its key.
        entry: Torch's `_DynamoCacheEntry`.
        backend_ids: The backends that are there.
    """
    sources = (_source(each) for each in entry.source_info.inlined_sources)
    return PrecompiledEntry(
        key=key,
        name=entry.fn_name,
        first_line=entry.fn_first_lineno,
        device_type=entry.device_type,
        torch_version=str(entry.system_info.torch_version),
        python_version=entry.system_info.python_version,
        codes=tuple(_code(each, backend_ids) for each in entry.codes),
        inlined_sources=tuple(sorted(sources, key=lambda each: (each.module, each.first_line))),
    )


def _code(code: Any, backend_ids: Collection[str]) -> PrecompiledCode:
    needed = tuple(map(str, code.backend_ids))
    python_code = code.python_code
    return PrecompiledCode(
        module=code.python_module,
        qualname=python_code.co_qualname or python_code.co_name,
        filename=python_code.co_filename,
        first_line=python_code.co_firstlineno,
        function_names=tuple(map(str, code.function_names)),
        is_resume=code.install_to_global,
        variants=tuple(_variant(each) for each in code.guarded_codes),
        backend_ids=needed,
        missing_backend_ids=tuple(each for each in needed if each not in backend_ids),
        import_sources=dict(code.import_sources),
        is_bypassed=code.bypassed,
    )


def _variant(guarded: Any) -> PrecompiledVariant:
    names = guarded.dynamo_code.co_names
    return PrecompiledVariant(
        backend_ids=tuple(each for each in names if each.startswith(BACKEND_PREFIX)),
        resume_names=tuple(each for each in names if each.startswith(RESUME_PREFIX)),
        guards_size_bytes=len(guarded.guards_state),
    )


def _source(source: Any) -> InlinedSource:
    return InlinedSource(
        module=source.module,
        first_line=source.firstlineno,
        last_line=source.lastlineno,
        checksum=source.checksum,
    )
