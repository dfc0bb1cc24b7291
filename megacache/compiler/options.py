"""Options: those of torch that change what is compiled, as texts for people and as a digest for certain.

Layer: compiler.

Source: `ConfigModule` in `torch/utils/_config_module.py`, `CustomPassBase` in `torch/_inductor/custom_graph_pass.py`;
2.13.0 to 2.15.0.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any

from megacache.compiler.content import Content, Facts, UnprovableError, digest
from megacache.compiler.needs import foreign_decompositions

CONFIG_MODULES = {
    "dynamo": "torch._dynamo.config",
    "functorch": "torch._functorch.config",
    "inductor": "torch._inductor.config",
}

_LONGEST_VALUE = 200
_SCALARS = (bool, int, float, str, bytes, type(None))
_CONTAINERS = (list, tuple, set, frozenset, dict)


def live_config() -> dict[str, str]:
    """Return the options of dynamo, functorch and inductor that differ from their defaults.

    An option that torch itself leaves out of its cache keys is left out, unless torch does so only because its value, a
    pass or another callable, does not pickle. A default that torch read from the environment at its import is a default
    here too.

    Returns:
        The options by name, such as `{"inductor.epilogue_fusion": "False"}`, sorted.
    """
    return {
        f"{room}.{option}": _text_of(value)
        for room, module in sorted(CONFIG_MODULES.items())
        for option, value in sorted(_changed_options(import_module(module)).items())
    }


def default_of(option: str) -> str:
    """Return the default of an option, as `live_config` would tell it.

    Args:
        option: Such as `inductor.epilogue_fusion`; one that this torch does not have is "not there".
    """
    room, _, name = option.partition(".")
    entry = import_module(CONFIG_MODULES[room])._config.get(name)
    return "not there" if entry is None else _text_of(entry.default)


def config_digest(*, without: Collection[str] = ()) -> str:
    """Return a digest of every option that changes code, those at their defaults too.

    Torch reads some defaults from the environment, so they differ between processes. Nothing is remembered: an option
    may hold a list or a pass of the user's, and nobody hears when those change.

    Args:
        without: Options that do not count, such as `dynamo.caching_precompile`.

    Returns:
        A digest, 32 hexadecimal digits.

    Raises:
        UnprovableError: When an option holds an object of the user's that does not tell what it is; names the option.
    """
    told = [
        (room, option, (value,) if type(value) in _SCALARS else value_facts(value, f"{room} option `{option}`"))
        for room, module in sorted(CONFIG_MODULES.items())
        for option, value in sorted(_counting_options(import_module(module), skips_defaults=False).items())
        if f"{room}.{option}" not in without
    ]
    return digest((*told, *foreign_decompositions()))


def named_options(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the options that `torch.compile` was given, as texts that are equal for equal options alone.

    Raises:
        UnprovableError: When one holds an object that does not tell what it is; names the option.
    """
    return {name: _exact_text(value, f"option `{name}`") for name, value in sorted(options.items())}


def value_facts(value: object, name: str) -> Facts:
    """Return what the value of an option is, so that it is equal for equal values alone.

    Args:
        value: Any value.
        name: What to call it where it cannot be told.

    Raises:
        UnprovableError: When it cannot be told.
    """
    if type(value) in _SCALARS:
        return (value,)
    try:
        return _pass_facts(value) or Content(is_deep=True).facts(value)
    except UnprovableError as error:
        raise UnprovableError(f"{name} cannot be compared: {error}") from error


def _pass_facts(value: Any) -> Facts | None:
    """Tell a `CustomGraphPass` and its kin by what it tells torch's own caches, by its class and by what it holds."""
    uuid = getattr(value, "uuid", None)
    if isinstance(value, type) or not callable(uuid):
        return None
    try:
        version = uuid()
    except Exception as error:  # the user's own method
        raise UnprovableError(f"its uuid() raises {type(error).__name__}: {error}") from error
    if version is None:
        raise UnprovableError("its uuid() is None, which asks not to be kept")
    held = ((name, _as_far_as_told(each)) for name, each in sorted(getattr(value, "__dict__", {}).items()))
    return ("pass", Content(is_deep=True).facts(version), _as_far_as_told(type(value)), *held)


def _as_far_as_told(value: object) -> Facts:
    """Tell what has a content; for the rest of a pass its `uuid` must answer."""
    try:
        return Content(is_deep=True).facts(value)
    except UnprovableError:
        return ("untold", type(value).__module__, type(value).__qualname__)


def _exact_text(value: object, name: str) -> str:
    facts = value_facts(value, name)
    return repr(value) if type(value) in _SCALARS else f"{_text_of(value)} ({digest(facts)})"


def _changed_options(module: Any) -> dict[str, Any]:
    options = _counting_options(module, skips_defaults=True)
    return {name: value for name, value in options.items() if value != module._config[name].default}


def _counting_options(module: Any, *, skips_defaults: bool) -> dict[str, Any]:
    """Return the options that torch does not leave out of its cache keys, or only since they do not pickle."""
    unpicklable = frozenset(getattr(module, "_save_config_ignore", ()))
    prefixes = tuple(getattr(module, "_cache_config_ignore_prefix", ()))
    ignored = module._compile_ignored_keys
    return {
        name: value
        for name, value in module._get_dict(skip_default=skips_defaults).items()
        if name in unpicklable
        or not (name in ignored or name.startswith(prefixes))
        or not (type(value) in _SCALARS or _is_plain(value))
    }


def _is_plain(value: object) -> bool:
    """Say whether a value is a number, a text or a container of such."""
    if isinstance(value, dict):
        return all(map(_is_plain, value)) and all(map(_is_plain, value.values()))
    return isinstance(value, _SCALARS) or (isinstance(value, _CONTAINERS) and all(map(_is_plain, value)))


def _text_of(value: object) -> str:
    if isinstance(value, (set, frozenset)):
        text = "{" + ", ".join(sorted(map(_text_of, value))) + "}"
    elif callable(value) and hasattr(value, "__qualname__"):
        text = f"{value.__module__}.{value.__qualname__}"
    elif _is_plain(value):
        text = repr(value)
    else:
        text = f"{type(value).__module__}.{type(value).__qualname__}"
    # Two long texts that begin alike must not look like one.
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 10]}… {digest((text,))[:8]}"
