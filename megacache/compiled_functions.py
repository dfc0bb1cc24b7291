"""Compiled functions: what `aot_compile` and `torch.compiler.precompile` made, kept in bundles and loaded back.

Layer: joins compiler and bundle, as sessions do; below the faces.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from megacache.bundle import SaveReport
from megacache.compiler import versions
from megacache.errors import UsageError
from megacache.model import AOT_FUNCTION, PRECOMPILED
from megacache.parts import part
from megacache.process import process
from megacache.trust.gate import Trust, trusted

AnyPath = str | os.PathLike[str]


def save_compiled_function(
    compiled: Any,
    path: AnyPath,
    *,
    name: str | None = None,
    external_data: Mapping[str, Any] | None = None,
) -> SaveReport:
    """Keep a compiled function in a bundle, as torch's own `save_compiled_function` keeps it in a file.

    A session that is open while `aot_compile` or a precompile capture runs keeps the function by itself; this is for
    one that was compiled before, for one that needs `external_data`, and for files.

    Args:
        compiled: What `torch.compile(f, fullgraph=True).aot_compile((args, kwargs))` returned; or the two files that a
            `torch.compiler.precompile.capture` wrote, as `(artifact_path, cache_path)`.
        path: The bundle, which is made if it is not there; what it already holds stays in it.
        name: What the function is called there; by default `module.qualname`, and of files the first one's name
            without its suffix.
        external_data: What the function reaches and cannot be pickled, by names that are given again on load.

    Returns:
        What was new.

    Raises:
        TorchError: When torch is absent, or cannot pickle what the function reaches; it says what.
        UsageError: When it is something else, or the files cannot be read.
        BundleError: When the bundle cannot be written; see `errors`.
    """
    versions.check()
    from megacache.compiler.outside import name_of_compiled
    from megacache.compiler.whole_files import function_file, pair_file

    if isinstance(compiled, tuple):
        source, cache = (_read(each) for each in compiled)
        artifact_type, content = PRECOMPILED, pair_file(_text(source, compiled[0]), cache)
        name = name or Path(compiled[0]).stem
    else:
        artifact_type, content = AOT_FUNCTION, function_file(compiled, external_data)
        name = name or name_of_compiled(compiled)
    with part("save_compiled_function", name) as session:
        capture = process.capture
        with capture.outside.titled(f"save_compiled_function {name}"):
            capture.outside.record(artifact_type, name, content)
            capture.keep_kernels()
    return process.save([session], Path(path), is_complete=False)


def load_compiled_function(
    path: AnyPath,
    name: str | None = None,
    *,
    f_globals: dict[str, Any] | None = None,
    external_data: dict[str, Any] | None = None,
    trust: Trust = None,
    trust_unknown: bool = False,
) -> Callable[..., Any]:
    """Load a compiled function from a bundle; this runs what is in it, so the bundle has to be trusted.

    It is run only where the bundle's rows say that it is right: same CPU ISA, machine, Python, torch and options.

    Args:
        path: The bundle. A file of plain torch's is loaded with `torch.compiler.load_compiled_function`.
        name: `module.qualname` of the function, for a precompile capture with `precompile:` before it; or the last part
            of it, or the first characters of its content's digest. It may be left out where there is only one. Of
            several that were compiled under one name the newest that is right here is loaded.
        f_globals: The live globals of the function, as torch takes them; not for a precompile capture.
        external_data: What was left out when it was saved, by the same names; not for a precompile capture.
        trust: Whom you trust, as `megacache.load` takes it.
        trust_unknown: Load also one of which no system is recorded.

    Returns:
        Torch's own object: a function that checks its guards when it is called, or a `PrecompiledRunnable`.

    Raises:
        UntrustedError: When the bundle is not your own, and nobody whom you trust signed it.
        KeyFileError: When what `trust` names is no public key.
        IncompatibleError: When it was compiled for another system or config.
        ArtifactNotFoundError: When the bundle has no function of this name, or several.
        TorchError: When torch is absent, cannot load it, or has no `torch.compiler.precompile` that loads files, which
            came with 2.15.
        BundleError: When the bundle cannot be read; see `errors`.

    Source: `load_compiled_function`, `torch/compiler/__init__.py`, 2.13.0 to 2.15.0; `load`, `torch/_precompile.py`,
        2.15.0.
    """
    versions.check()
    with trusted(path, trust) as recording:
        from megacache.compiler.stored import right_kernels, right_one
        from megacache.compiler.whole_files import check_precompile, load_function, load_pair

        types = (AOT_FUNCTION, PRECOMPILED)
        found = right_one(recording, types, name, where=str(path), trust_unknown=trust_unknown)
        if found.artifact_type == PRECOMPILED:
            check_precompile()
        content = recording.read(found.content_sha256)
        with part("load_compiled_function", found.cache_key):
            capture = process.capture
            capture.offer(recording, right_kernels(recording))
            with capture.outside.titled(f"load_compiled_function {found.cache_key}"):
                if found.artifact_type == PRECOMPILED:
                    function = load_pair(content)
                else:
                    function = load_function(content, f_globals, external_data)
                capture.outside.served(found.artifact_type, found.cache_key, found.content_sha256)
    loaded: Callable[..., Any] = function
    return loaded


def _read(path: AnyPath) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; give the two files of a capture") from error


def _text(source: bytes, path: AnyPath) -> str:
    try:
        return source.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no Python source: give the artifact first, and then its cache") from error
