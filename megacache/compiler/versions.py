"""What each supported torch release has, and where: the list of every private name that megacache touches.

Layer: compiler. `check()` turns a missing name into one clear error before anything is patched.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from megacache.errors import TorchError

SUPPORTED = ("2.13", "2.14", "2.15")
"""The releases that are tested."""


@dataclass(frozen=True, slots=True)
class TorchName:
    """One private name of torch, and why we need it."""

    module: str
    name: str
    why: str


PRIVATE_NAMES = (
    TorchName("torch._dynamo.convert_frame", "_compile", "which code object a compile id belongs to, and how it ended"),
    TorchName("torch._dynamo.convert_frame", "register_bytecode_hook", "backend ids and resume functions of a compile"),
    TorchName("torch._dynamo.guards", "CheckFunctionManager", "the guards that a user's filter drops"),
    TorchName("torch._functorch._aot_autograd.autograd_cache", "_get_debug_lines_for_cache_key", "AOT key components"),
    TorchName("torch.compiler._cache", "CacheArtifactManager.record_artifact", "every artifact's type, key and bytes"),
    TorchName("torch.compiler._cache", "CacheArtifactFactory.encode_create", "the bytes of artifacts kept as objects"),
    TorchName("torch._guards", "CompileContext.current_compile_id", "the compile id that an artifact belongs to"),
    TorchName("torch._logging.structured", "INTERN_TABLE", "file names that were interned before we listened"),
    TorchName("torch._dynamo.precompile_context", "PrecompileContext.save_to_dynamo_cache", "precompile artifacts"),
)
"""Present, with these names, in 2.13.0, 2.14.1 and 2.15.0."""

TRACE_LOGGER = "torch.__trace"
"""The logger that carries the structured trace; what TORCH_TRACE writes and tlparse reads."""

GUARDS_LOGGER = "torch._dynamo.guards"
"""The logger that alone says which guards `caching_precompile` drops."""


def resolve(name: TorchName) -> object:
    """Return what a private name stands for.

    Raises:
        TorchError: When torch is not installed, or this release no longer has the name.
    """
    try:
        found: object = importlib.import_module(name.module)
        for part in name.name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise TorchError(
            f"this torch has no {name.module}.{name.name} ({name.why}); "
            f"megacache supports torch {SUPPORTED[0]} to {SUPPORTED[-1]}: install one of these"
        ) from error
    return found


def check() -> str:
    """Check that every private name is there, and return torch's version.

    Raises:
        TorchError: When torch is absent or lacks one of the names.
    """
    try:
        import torch
    except ImportError as error:
        raise TorchError("capturing needs torch, which is not installed: pip install torch") from error
    for name in PRIVATE_NAMES:
        resolve(name)
    return str(torch.__version__)
