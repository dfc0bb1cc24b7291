"""megacache: see, trust and carry the caches of torch.compile, from inside Jupyter.

Every public name is imported when it is first asked for, so `import megacache` is quick and needs no torch. The rooms:
`bundle` (the file), `compiler` (all that touches torch), `views` (tables, tree, figures, HTML), `explain` (why),
`sessions`, `process`, `verbs`, `explorer` (the view in a notebook), `magics`, `cli`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from megacache.bundle import Bundle, merge
    from megacache.bundle.cache_dir import open_cache_dir
    from megacache.bundle.compare import diff
    from megacache.compiled import CompiledArtifact, standalone_compile
    from megacache.compiled_functions import load_compiled_function, save_compiled_function
    from megacache.compiler.dynamo_store import BundleDynamoStore
    from megacache.compiler.precompile_context import PrecompileContext
    from megacache.errors import MegacacheError
    from megacache.explorer.widget import Explorer, explore
    from megacache.report import LoadReport
    from megacache.sessions import Session
    from megacache.verbs import disable, enable, load, save, session

__version__ = "0.1.0"

__all__ = [
    "Bundle",
    "BundleDynamoStore",
    "CompiledArtifact",
    "Explorer",
    "LoadReport",
    "MegacacheError",
    "PrecompileContext",
    "Session",
    "__version__",
    "diff",
    "disable",
    "enable",
    "explore",
    "load",
    "load_compiled_function",
    "load_ipython_extension",
    "merge",
    "open_cache_dir",
    "save",
    "save_compiled_function",
    "session",
    "standalone_compile",
]

# The session room is called `sessions`: a submodule `session` would take the place of the function of that name.
_HOMES = {
    "Bundle": "megacache.bundle",
    "BundleDynamoStore": "megacache.compiler.dynamo_store",
    "CompiledArtifact": "megacache.compiled",
    "Explorer": "megacache.explorer.widget",
    "LoadReport": "megacache.report",
    "MegacacheError": "megacache.errors",
    "PrecompileContext": "megacache.compiler.precompile_context",
    "Session": "megacache.sessions",
    "diff": "megacache.bundle.compare",
    "disable": "megacache.verbs",
    "enable": "megacache.verbs",
    "explore": "megacache.explorer.widget",
    "load": "megacache.verbs",
    "load_compiled_function": "megacache.compiled_functions",
    "merge": "megacache.bundle",
    "open_cache_dir": "megacache.bundle.cache_dir",
    "save": "megacache.verbs",
    "save_compiled_function": "megacache.compiled_functions",
    "session": "megacache.verbs",
    "standalone_compile": "megacache.compiled",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register `%%megacache` and `%megacache`; this is what `%load_ext megacache` calls.

    Args:
        shell: The running IPython shell.
    """
    from megacache.magics import register

    register(shell)
