"""Systems: what makes an artifact that one machine compiled wrong or useless on another.

Layer: explain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from megacache.explain.differences import Difference
from megacache.model import SystemInfo

UNKNOWN_SYSTEM_ID = "unknown"
"""The system of artifacts that came out of torch's own container, which does not say who compiled them."""


def mismatches(recorded: SystemInfo, live: SystemInfo) -> tuple[str, ...]:
    """Say why artifacts of one system cannot be used on another.

    The CPU's ISA is in none of torch's keys: artifacts for another one are found, and compute wrong values. The others
    make artifacts unreadable or useless. Of Python the implementation and the minor version count, since the format of
    bytecode and pickles is fixed within one; torch itself checks the patch version of its precompile entries. CPU model
    and compiler do not count: kernels are built where they are loaded. Nor does the thread count, which is in the keys.

    Args:
        recorded: The system that compiled.
        live: The system at hand.

    Returns:
        One sentence per reason; none when the artifacts may be used.
    """
    pairs = (
        ("CPU", "has", "compiled for", recorded.cpu_isa, live.cpu_isa),
        ("machine", "is", "compiled on", recorded.machine, live.machine),
        ("operating system", "is", "compiled on", _operating_system(recorded), _operating_system(live)),
        ("Python", "is", "compiled by", _minor_version(recorded.python_version), _minor_version(live.python_version)),
        ("torch", "is", "compiled by", *_torch_versions(recorded, live)),
        ("Triton", "is", "compiled with", recorded.triton_version, live.triton_version),
        ("toolkit", "is", "compiled with", recorded.toolkit_version, live.toolkit_version),
        ("GPU", "is", "compiled for", recorded.gpu_name, live.gpu_name),
        ("GPU capability", "is", "compiled for", recorded.gpu_capability, live.gpu_capability),
    )
    return tuple(
        f"{noun} {verb} {now or 'none'}, the bundle was {compiled} {then or 'none'}"
        for noun, verb, compiled, then, now in pairs
        if then != now
    )


def system_differences(old: SystemInfo, new: SystemInfo) -> tuple[Difference, ...]:
    """Compare two systems field by field.

    Args:
        old: The first system.
        new: The second system.

    Returns:
        One difference per unequal field, in the order of the fields, all in the group `system`.
    """
    names = [each.name for each in fields(SystemInfo) if each.name != "system_id"]
    return tuple(
        Difference(name=name, group="system", old=_shown(getattr(old, name)), new=_shown(getattr(new, name)))
        for name in names
        if getattr(old, name) != getattr(new, name)
    )


def config_differences(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[Difference, ...]:
    """Compare two configs, each of which holds the options that differ from their defaults.

    Args:
        old: The first config, as `SessionInfo.config` holds it.
        new: The second config.

    Returns:
        One difference per unequal option, by name, all in the group `config`; None stands for the default.
    """
    return tuple(
        Difference(name=name, group="config", old=old.get(name), new=new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def _torch_versions(recorded: SystemInfo, live: SystemInfo) -> tuple[str, str]:
    if recorded.torch_version != live.torch_version:
        return recorded.torch_version, live.torch_version
    return _with_git_hash(recorded), _with_git_hash(live)


def _with_git_hash(system: SystemInfo) -> str:
    return f"{system.torch_version} from git {(system.torch_git_hash or 'unknown')[:12]}"


def _minor_version(python_version: str) -> str:
    return ".".join(python_version.split(".")[:2])


def _operating_system(system: SystemInfo) -> str:
    return system.platform.partition("-")[0]


def _shown(value: object) -> str | None:
    return None if value is None else str(value)
