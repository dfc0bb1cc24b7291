"""Kernel source: what torch asks a C++ compiler for, and the key under which a bundle keeps the answer.

Layer: compiler. The key holds all that makes a binary right, and nothing that may differ between two machines that can
share it: no path, and not the compiler or its version, since what any compiler made of the same source can be loaded.

Source: `CppCodeCache.load_async`, `torch/_inductor/codecache.py`; the command line, `torch/_inductor/cpp_builder.py`.
The same in 2.13.0 and 2.15.0.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from megacache.compiler.system import isa_name

CLASSES = ("CppCodeCache", "CppPythonBindingsCodeCache", "CppWrapperCodeCache")
"""Torch's caches of libraries that are made of their source alone; those of Halide link what lies beside them."""

NO_ISA = "none"
"""The ISA of a library that has no vector code."""

_OPTIONS = (
    "aot_inductor.compile_wrapper_opt_level",
    "aot_inductor.cross_target_platform",
    "aot_inductor.custom_op_libs",
    "aot_inductor.debug_compile",
    "aot_inductor.debug_symbols",
    "aot_inductor.enable_frame_pointer",
    "aot_inductor.enable_line_tables",
    "aot_inductor.enable_lto",
    "aot_inductor.link_libtorch",
    "cpp_cache_precompile_headers",
)
"""Options of inductor that reach the command line, besides all of `cpp`."""

_VARIABLES = ("TORCHINDUCTOR_DEBUG_COMPILE", "TORCHINDUCTOR_DEBUG_SYMBOL")
"""What `cpp_builder` reads from the environment at each build."""

_X86_INSTRUCTIONS = re.compile(
    r"3dnow|abm|adx|aes|amx|apx|avx|bmi|cmov|cmpccxadd|cx8|cx16|f16c|fma|fpu|gfni|lahf|lzcnt|mmx|movbe|movrs|pclmul|pni"
    r"|popcnt|raoint|sha|sm[34]|ss?se|tbm|vaes|vpclmul|xop"
)
"""The flags in `/proc/cpuinfo` of what a compiler may use unasked; the rest tells of Linux, the hypervisor and such."""


@dataclass(frozen=True, slots=True)
class KernelSource:
    """One library that torch asks for.

    `facts` describes it in the header of its content, and is part of what the key covers.
    """

    key: str
    facts: Mapping[str, str]
    compile_id: str | None


def kernel_source(cache_class: type, asked: Mapping[str, Any], compile_id: str | None) -> KernelSource | None:
    """Return what torch asks for, or None when it is none of our business.

    Args:
        cache_class: The class whose `load_async` was called.
        asked: The arguments of `load_async` by name, with its defaults.
        compile_id: The compile that asks.

    Returns:
        None for another device than the CPU, for another operating system than Linux, and where the instructions that
        the CPU has are not known: the compiler is told to use all of them (`-march=native`).
    """
    instructions = cpu_instructions()
    if cache_class.__name__ not in CLASSES or sys.platform != "linux" or instructions is None:
        return None
    if asked["device_type"].partition(":")[0] != "cpu":
        return None
    facts = {
        "cpu_instructions": instructions,
        "entry_class": cache_class.__name__,
        "isa": _isa(asked),
        "machine": platform.machine(),
        "source_sha256": sha256(asked["main_code"].encode()).hexdigest(),
        **_software(),
    }
    names = ("optimized_code", "device_type", "needs_vec_isa", "kernel_needs_vec_isa")
    parts = {
        "facts": facts,
        "asked": {name: asked[name] for name in names},
        "extra_flags": [*asked["extra_flags"]],
        "options": _options(),
        "variables": {name: os.environ.get(name, "0") for name in _VARIABLES},
    }
    return KernelSource(sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest(), facts, compile_id)


@cache
def cpu_instructions() -> str | None:
    """Return the instruction sets of this CPU, sorted, or None where Linux does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    flags = (line.partition(":")[2].split() for line in lines if re.match(r"(?i)(flags|features)\s*:", line))
    found = next(flags, [])
    if platform.machine() == "x86_64":
        found = [flag for flag in found if _X86_INSTRUCTIONS.match(flag)]
    return " ".join(sorted(found)) or None


def _isa(asked: Mapping[str, Any]) -> str:
    """Return the ISA that torch compiles for. It takes one for both sources, if either has vector code."""
    from torch._inductor import codecache, cpu_vec_isa

    device = asked["device_type"].partition(":")[0]
    wanted = (("main_code", "needs_vec_isa"), ("optimized_code", "kernel_needs_vec_isa"))
    is_vector = any(codecache._resolve_needs_vec_isa(device, asked[code], asked[needs]) for code, needs in wanted)
    return isa_name(cpu_vec_isa.pick_vec_isa()) if is_vector else NO_ISA


def _software() -> dict[str, str]:
    import torch

    return {
        "python_abi": f"{platform.python_implementation()} {sysconfig.get_config_var('SOABI')}",
        "torch_git_hash": str(getattr(torch.version, "git_version", None)),
        "torch_version": str(torch.__version__),
    }


def _options() -> dict[str, str]:
    from torch._inductor import config

    options = config._get_dict()  # type: ignore[attr-defined]
    # The compiler's name is left out: see the top of this file.
    names = [name for name in options if name.startswith("cpp.") and name != "cpp.cxx"]
    return {name: repr(options.get(name)) for name in (*names, *_OPTIONS)}
