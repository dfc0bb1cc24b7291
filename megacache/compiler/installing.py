"""Installing: torch's entry of one function put into the running program, and taken out without a rest.

Layer: compiler.

Source: `CompilePackage.install` and `uninstall`, `torch/_dynamo/package.py`, 2.13.0 to 2.15.0. Before 2.15 torch leaves
names of its own in the globals, on which the next compile of the module fails, and the entries of code below the
function; on every release it leaves a frame that it decided to skip.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from types import CodeType
from typing import Any

from megacache.compiler.codes import digest_of
from megacache.compiler.precompile_entries import refused

_NUMBERED = re.compile(r"^__(?:builtins_dict__|resume_at_\d+)_(\d{1,6})$")
_MISSING = object()


class Installed:
    """One installed package.

    Args:
        package: Torch's `CompilePackage`.
        before: What the globals of each module held before, by name.
    """

    def __init__(self, package: Any, before: dict[str, dict[str, object]]) -> None:
        self._package = package
        self._held = {
            module.__name__: {name: before[module.__name__][name] for name in names if name in before[module.__name__]}
            for module, names in package._installed_globals.items()
        }
        self._added = {
            name: {key: value for key, value in vars(sys.modules[name]).items() if key not in held}
            for name, held in before.items()
        }
        _pass_numbers(key for held in self._added.values() for key in held)

    def undo(self) -> None:
        """Take the package's entries, and all names that came with it, out again."""
        _uninstall(self._package)
        for module, added in self._added.items():
            scope = vars(sys.modules[module]) if module in sys.modules else {}
            for name, value in added.items():
                if scope.get(name, _MISSING) is value:
                    del scope[name]
            for name, value in self._held.get(module, {}).items():
                scope.setdefault(name, value)  # what a compile of this process put there, and torch just took out


def install(function: Any, entry: Any) -> Installed:
    """Install an entry that was proven to be right.

    Args:
        function: The live function.
        entry: Torch's `PrecompileCacheEntry`.

    Raises:
        EntryRefusedError: When a name that it needs stands for something else.
        Exception: Whatever torch raises; then nothing is installed.
    """
    from torch._dynamo.package import CompilePackage

    modules = {code.python_module for code in entry.dynamo.codes if code.python_module in sys.modules}
    package = CompilePackage(function, entry.dynamo)
    before = {name: dict(vars(sys.modules[name])) for name in modules}
    taken = sorted(_taken_names(entry.dynamo, before))
    if taken:
        raise refused(package.source_id, "the bundle", (f"the name {taken[0]} stands for something else here",))
    for name in modules:
        _disown(vars(sys.modules[name]), entry.dynamo)
    try:
        package.install(entry.backends)
    except BaseException:
        Installed(package, before).undo()
        raise
    return Installed(package, before)


def _taken_names(dynamo: Any, before: dict[str, dict[str, object]]) -> set[str]:
    """Return the names of resume functions and modules under which the globals hold something else."""
    from torch._dynamo.package import SerializedCode

    taken = set()
    for code in dynamo.codes:
        held = before.get(code.python_module, {})
        if code.install_to_global:
            wanted = digest_of(SerializedCode.to_code_object(code.python_code))
            named = {name: getattr(held[name], "__code__", None) for name in code.function_names if name in held}
            taken |= {name for name, each in named.items() if each is None or digest_of(each) != wanted}
        for alias, module in code.import_sources.items():
            if alias in held and held[alias] is not sys.modules.get(module):
                taken.add(alias)
    return taken


def _disown(scope: dict[str, Any], dynamo: Any) -> None:
    """Let no compile of this process take out what is about to stand in the globals, when its bytecode goes.

    Source: `CleanupHook` and `CleanupManager` in `torch/_dynamo/utils.py`, 2.13.0 to 2.15.0; only 2.15 has a `disown`.
    """
    from torch._dynamo.utils import CleanupManager

    names = {name for code in dynamo.codes for name in (*code.function_names, *code.import_sources, *code.backend_ids)}
    for hooks in CleanupManager.instance.values.values():
        ours = [each for each in hooks if each.scope is scope and (each.name in names or _NUMBERED.match(each.name))]
        for each in ours:
            hooks.remove(each)
        CleanupManager.count -= len(ours)


def _uninstall(package: Any) -> None:
    from torch._C._dynamo.eval_frame import _reset_precompile_entries, reset_code

    for module, names in package._installed_globals.items():
        # Before 2.15 torch fails on a name that is gone already.
        package._installed_globals[module] = [each for each in dict.fromkeys(names) if each in vars(module)]
    package.uninstall()
    for code, entry in package._codes.items():
        target = _target(code, entry)
        if target is None:
            continue
        _reset_precompile_entries(target)
        if not entry.guarded_codes and not entry.bypassed:
            reset_code(target)  # Torch marked it to be skipped.


def _target(code: CodeType, entry: Any) -> CodeType | None:
    from torch._dynamo.package import _lookup_code

    if not entry.code_source:
        return code
    try:
        return _lookup_code(entry)
    except Exception:  # noqa: BLE001  it was redefined meanwhile, and its entries went with it
        return None


def _pass_numbers(names: Iterable[str]) -> None:
    """Let torch's own counter of names pass those that came in, or its next name is one that is there already."""
    from torch._dynamo.bytecode_transformation import unique_id

    numbers = [int(found[1]) for found in map(_NUMBERED.search, names) if found]
    is_passed = not numbers
    while not is_passed:
        is_passed = int(unique_id("passed").rpartition("_")[2]) > max(numbers)
