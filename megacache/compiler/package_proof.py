"""Package proof: whether one of torch's precompile entries is right for a live function.

Layer: compiler. What cannot be proven is refused, with its reason.
"""

from __future__ import annotations

from typing import Any

from megacache.compiler.codes import digest_of
from megacache.compiler.content import Content, UnprovableError, digest
from megacache.compiler.needs import described, first_unmet
from megacache.compiler.options import config_digest
from megacache.compiler.pinned import value_at
from megacache.compiler.precompile_entries import SWITCH, StoredEntry
from megacache.compiler.reliance import Reliance
from megacache.errors import ArtifactNotFoundError, CorruptBundleError
from megacache.precompiled import PrecompiledEntry
from megacache.recording import Recording

_NOBODY_NOTED = (
    "nobody noted what it inlined: compile it while megacache is on, or use trust_unknown=True if nothing was edited"
)


def proof_refusals(
    stored: StoredEntry, recording: Recording, entry: PrecompiledEntry, function: Any, *, trust_unknown: bool
) -> tuple[str, ...]:
    """Say what is another thing now than when an entry was compiled; nothing of the entry is run.

    Args:
        stored: Where it is stored.
        recording: The rows that it is in.
        entry: What its pickle tells.
        function: The live function.
        trust_unknown: Pass over that nobody noted what it relies on.

    Returns:
        One sentence per reason; none when all that was noted holds.
    """
    try:
        reliance = _reliance(stored, recording)
    except (ArtifactNotFoundError, CorruptBundleError) as error:
        return (f"what it relies on cannot be read: {error}",)
    if reliance is None:
        return () if trust_unknown else (_NOBODY_NOTED,)
    if reliance.untold and not trust_unknown:
        return tuple(reliance.untold)
    imports = {alias: module for code in entry.codes for alias, module in code.import_sources.items()}
    checks = (
        _code_change(reliance, function),
        _option_change(reliance),
        _unmet_need(reliance),
        *(_moved(source, wanted, function, imports) for source, wanted in reliance.pinned),
    )
    return tuple(dict.fromkeys(each for each in checks if each is not None))


def code_refusals(entry: Any, function: Any) -> tuple[str, ...]:
    """Say which code objects of an entry are other ones now.

    Args:
        entry: Torch's `_DynamoCacheEntry`, loaded.
        function: The live function.

    Returns:
        One sentence per reason.

    Source: `CompilePackage.initialize` and `install`, `torch/_dynamo/package.py`, 2.13.0 to 2.15.0: torch takes the
    first code object to be the function's, and finds those with a `code_source` by their names.
    """
    from torch._dynamo.package import SerializedCode, _lookup_code

    if not entry.codes:
        return ("it holds no code object",)
    main, *others = entry.codes
    live = {id(main): function.__code__}
    reasons = [] if main.python_module == function.__module__ else [_other_module(main.python_module, function)]
    for each in (other for other in others if other.code_source):
        try:
            live[id(each)] = _lookup_code(each)
        except Exception as error:  # noqa: BLE001  it walks by name through whatever is there now
            reasons.append(f"`{each.python_code.co_name}`, which it compiled too, cannot be found: {error}")
    for each in entry.codes:
        stored = SerializedCode.to_code_object(each.python_code)
        if id(each) in live and digest_of(stored) != digest_of(live[id(each)]):
            reasons.append(f"`{stored.co_qualname}` changed since it was compiled")
    return tuple(reasons)


def _reliance(stored: StoredEntry, recording: Recording) -> Reliance | None:
    return None if stored.components_sha256 is None else Reliance.decode(recording.read(stored.components_sha256))


def _code_change(reliance: Reliance, function: Any) -> str | None:
    name = f"{function.__module__}:{function.__qualname__}"
    if (name, digest_of(function.__code__)) in reliance.codes:
        return None
    module = next((each.partition(":")[0] for each, _ in reliance.codes), "?")
    if module != function.__module__:
        return _other_module(module, function)
    return f"`{function.__qualname__}` changed since it was compiled"


def _other_module(module: str, function: Any) -> str:
    return f"it is of a function of that name in module {module}, not in {function.__module__}"


def _option_change(reliance: Reliance) -> str | None:
    try:
        if config_digest(without={SWITCH}) == reliance.config_digest:
            return None
    except UnprovableError as error:
        return str(error)
    return "an option of torch that holds an object or that the environment sets is another now"


def _unmet_need(reliance: Reliance) -> str | None:
    unmet = first_unmet(reliance.needs)
    return None if unmet is None else f"{described(unmet)} changed since it was compiled"


def _moved(source: str, wanted: str, function: Any, imports: dict[str, str]) -> str | None:
    try:
        if digest(Content().facts(value_at(source, function, imports))) == wanted:
            return None
    except UnprovableError as error:
        return str(error)
    return f"{source} is another thing now than when it was compiled"
