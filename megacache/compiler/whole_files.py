"""Whole files: torch's own files of compiled things, made from what torch made and loaded back into it.

Layer: compiler. A file is checked before it comes here: `load_*` hands it to torch, which runs what is in it.

Source: `CompiledArtifact.save` and `load` in `torch/_inductor/standalone_compile.py`; `AOTCompiledFunction.serialize`
in `torch/_dynamo/aot_compile.py`, `load_compiled_function` in `torch/compiler/__init__.py`; 2.13.0 to 2.15.0.
`capture` and `load` in `torch/_precompile.py`, 2.15.0.
"""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from megacache.compiler import versions
from megacache.compiler.kernel_content import encode, header_of, library_of
from megacache.errors import TorchError, UsageError

Result = TypeVar("Result")


def torch_key() -> bytes:
    """Return the digest of torch's own sources, which torch writes into the binary format and asserts on load.

    Source: `torch_key`, `torch/_inductor/codecache.py`, 2.13.0 to 2.15.0: 32 bytes, of version and source texts.
    """
    versions.check()
    from torch._inductor.codecache import torch_key as of_torch

    return bytes(of_torch())


# -- standalone artifacts ----------------------------------------------------------------------------------------


def compile_standalone(graph: Any, example_inputs: Any, **options: Any) -> Any:
    """Call torch's `standalone_compile`; what it raises is torch's own."""
    import torch._inductor

    return torch._inductor.standalone_compile(graph, example_inputs, **options)


def standalone_file(artifact: Any) -> bytes:
    """Return the file that torch's `CompiledArtifact.save(format="binary")` writes.

    Raises:
        TorchError: When torch has nothing to write: the graph holds what cannot be pickled, or its caches are off.
    """
    with tempfile.TemporaryDirectory(prefix="megacache-") as folder:
        path = Path(folder) / "artifact"
        _asked("CompiledArtifact.save", lambda: artifact.save(path=str(path), format="binary"))
        return path.read_bytes()


def load_standalone(content: bytes) -> Any:
    """Return torch's artifact of a file in the binary format; this runs what is in it.

    Raises:
        TorchError: When torch cannot load it.
    """
    with tempfile.TemporaryDirectory(prefix="megacache-") as folder:
        path = Path(folder) / "artifact"
        path.write_bytes(content)
        return _loaded(path, "binary")


def load_unpacked(path: Path) -> Any:
    """Return torch's artifact of a folder in the unpacked format; this runs what is in it.

    Raises:
        TorchError: When torch cannot load it.
    """
    return _loaded(path, "unpacked")


def unpack(artifact: Any, path: Path) -> None:
    """Write torch's unpacked format; torch removes whatever folder is there before.

    Raises:
        TorchError: When torch has nothing to write, or cannot unpack it.
    """
    _asked("CompiledArtifact.save", lambda: artifact.save(path=str(path), format="unpacked"))


def _loaded(path: Path, file_format: Literal["binary", "unpacked"]) -> Any:
    from torch._inductor.standalone_compile import CompiledArtifact

    return _asked("CompiledArtifact.load", lambda: CompiledArtifact.load(path=str(path), format=file_format))


# -- functions of aot_compile ------------------------------------------------------------------------------------


def function_file(function: Any, external_data: Mapping[str, Any] | None = None) -> bytes:
    """Return the file that torch's `save_compiled_function` writes.

    Args:
        function: What `torch.compile(f, fullgraph=True).aot_compile((args, kwargs))` returned.
        external_data: What the function reaches and cannot be pickled, by names that are given again on load.

    Raises:
        TorchError: When the function reaches what cannot be pickled.
        UsageError: When it is something else.
    """
    from torch._dynamo.aot_compile import AOTCompiledFunction

    if not isinstance(function, AOTCompiledFunction):
        raise UsageError(
            f"a {type(function).__name__} is not what aot_compile() returns: "
            "compile it with torch.compile(f, fullgraph=True).aot_compile((args, kwargs))"
        )
    with _quiet("torch._dynamo.aot_compile"):
        saved = _asked(
            "save_compiled_function", lambda: AOTCompiledFunction.serialize(function, dict(external_data or {}))
        )
    return bytes(saved.serialized_data)


def load_function(
    content: bytes, f_globals: dict[str, Any] | None = None, external_data: dict[str, Any] | None = None
) -> Any:
    """Return torch's function of a file that `save_compiled_function` wrote; this runs what is in it.

    Raises:
        TorchError: When torch cannot load it.
    """
    import torch

    return _asked(
        "torch.compiler.load_compiled_function",
        lambda: torch.compiler.load_compiled_function(
            io.BytesIO(content), f_globals=f_globals, external_data=external_data
        ),
    )


# -- pairs of torch.compiler.precompile --------------------------------------------------------------------------


def pair_file(code: str, cache: bytes) -> bytes:
    """Return the two files of one `torch.compiler.precompile.capture` as one content.

    Args:
        code: The text of the artifact file.
        cache: The bytes of the cache file.
    """
    return encode({"python_code": code}, cache)


def load_pair(content: bytes) -> Any:
    """Return torch's runnable of a pair; this runs its source.

    Raises:
        TorchError: When this release has no `torch.compiler.precompile.load` for files, or torch cannot load them.
        CorruptBundleError: When the content is damaged.
    """
    precompile = check_precompile()
    code, cache = str(header_of(content)["python_code"]), library_of(content)
    with tempfile.TemporaryDirectory(prefix="megacache-") as folder:
        source, beside = Path(folder) / "artifact.py", Path(folder) / "artifact.cache"
        source.write_bytes(code.encode())
        beside.write_bytes(cache)
        with _quiet("torch._precompile"):  # it warns of what it runs; whoever loads was told so by us
            return _asked("torch.compiler.precompile.load", lambda: precompile.load(source, beside))


def check_precompile() -> Any:
    """Return `torch.compiler.precompile`, where it captures into files and loads them.

    Raises:
        TorchError: When it does not: 2.13 has no such function, 2.14 one that takes no files.
    """
    versions.check()
    import torch

    precompile = getattr(torch.compiler, "precompile", None)
    if not hasattr(precompile, "capture"):
        raise TorchError(
            f"torch {torch.__version__} has no torch.compiler.precompile.capture and load, which came with 2.15: "
            "load it there",
            torch_version=str(torch.__version__),
        )
    return precompile


# -- what they have in common ------------------------------------------------------------------------------------


def _asked(what: str, ask: Callable[[], Result]) -> Result:
    """Ask torch for something; whatever it raises, pickles and their classes among it, gets one name."""
    import torch

    try:
        return ask()
    except Exception as error:
        raise TorchError(
            f"torch {torch.__version__} refuses {what}: {type(error).__name__}: {error}",
            torch_version=str(torch.__version__),
        ) from error


@contextmanager
def _quiet(logger_name: str) -> Iterator[None]:
    """Keep a logger's warnings from somebody who did not ask for what it warns of."""
    logger = logging.getLogger(logger_name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
