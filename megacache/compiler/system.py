"""System: what this process compiles with.

Layer: compiler.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from megacache.model import SystemInfo

if TYPE_CHECKING:
    from torch._inductor.cpu_vec_isa import VecISA

SCALAR = "scalar"
"""The CPU ISA when inductor finds none that it can vectorize for."""

_X86 = ("x86_64", "AMD64")
_COMPILER_TIMEOUT_S = 10


def live_system() -> SystemInfo:
    """Describe the machine and software of this process.

    Returns:
        The system; `system_id` is a digest of all other fields. Facts that cannot change are found once, so a second
        call costs well under a millisecond. No compiler is run but to ask for its version and its flags.
    """
    import torch

    gpu_name, gpu_capability = _gpu()
    facts: dict[str, Any] = {
        "python_version": f"{platform.python_implementation()} {platform.python_version()}",
        "torch_version": str(torch.__version__),
        "torch_git_hash": getattr(torch.version, "git_version", None),
        "triton_version": _triton_version(),
        "toolkit_version": _toolkit_version(),
        "gpu_name": gpu_name,
        "gpu_capability": gpu_capability,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu_model": _cpu_model(),
        "cpu_isa": cpu_isa(),
        "thread_count": torch.get_num_threads(),
        "compiler_version": compiler_version(),
    }
    return SystemInfo(system_id=sha256(repr(facts).encode()).hexdigest()[:16], **facts)


def cpu_isa() -> str:
    """Return the vector ISA that inductor picks for CPU kernels, without building its probes.

    Inductor finds out by building and loading a small library per ISA, which takes seconds. Where it has done so in
    this process, its answer is taken. Otherwise the same inputs are asked: the flags of the CPU, whether the compiler
    accepts the ISA's flags, `ATEN_CPU_CAPABILITY` and `cpp.simdlen`. Without a compiler, where inductor's own question
    fails, the CPU alone answers.

    Returns:
        Torch's name, such as `avx2` or `avx512 avx512_vnni`, with `amx_fp16` added and SVE told apart by its width;
        `scalar` when there is none.

    Source: `pick_vec_isa`, `torch/_inductor/cpu_vec_isa.py`, 2.13.0 to 2.15.0.
    """
    from torch._inductor import cpu_vec_isa

    is_probed = cpu_vec_isa.valid_vec_isa_list.cache_info().currsize > 0
    if is_probed or platform.machine() not in _X86 or sys.platform not in ("linux", "win32"):
        return isa_name(cpu_vec_isa.pick_vec_isa())
    return isa_name(pick_isa(_buildable_isas()))


def compiler_version() -> str | None:
    """Return the first line of `--version` of the C++ compiler that inductor chooses, or None without one."""
    compiler = _compiler()
    return _first_line(compiler) if compiler else None


def pick_isa(isas: list[VecISA]) -> VecISA:
    """Return the one of some ISAs that inductor would pick, by `ATEN_CPU_CAPABILITY` and `cpp.simdlen`."""
    from torch._inductor import config, cpu_vec_isa

    if not isas:
        return cpu_vec_isa.invalid_vec_isa
    if config.cpp.simdlen is None:
        capability = os.getenv("ATEN_CPU_CAPABILITY")
        picked: VecISA = cpu_vec_isa.get_isa_from_cpu_capability(capability, isas, cpu_vec_isa.invalid_vec_isa)
        return picked
    fitting = (isa for isa in isas if isa.bit_width() == config.cpp.simdlen)
    return next(fitting, cpu_vec_isa.invalid_vec_isa)


def supported_isas() -> list[VecISA]:
    """Return the ISAs that this x86 CPU has, the widest first; no compiler is asked."""
    from torch._inductor import cpu_vec_isa

    flags = set(cpu_vec_isa.x86_isa_checker())
    return [isa for isa in cpu_vec_isa.supported_vec_isa_list if set(str(isa).split()) <= flags]


def _buildable_isas() -> list[VecISA]:
    from torch._inductor import config

    supported = supported_isas()
    if config.cpp.vec_isa_ok is not None:
        return supported if config.cpp.vec_isa_ok else []
    compiler = _compiler()
    return [isa for isa in supported if compiler is None or _accepts(compiler, isa.build_arch_flags())]


def isa_name(isa: VecISA) -> str:
    """Return the name of an ISA as `cpu_isa` gives it."""
    import torch
    from torch._inductor import cpu_vec_isa

    if isinstance(isa, cpu_vec_isa.InvalidVecISA):
        return SCALAR
    if isinstance(isa, cpu_vec_isa.VecSVE):
        return f"sve{isa.bit_width()}"
    has_fp16_tiles = isinstance(isa, cpu_vec_isa.VecAMX) and torch.cpu._is_amx_fp16_supported()
    return f"{isa} amx_fp16" if has_fp16_tiles else str(isa)


def _compiler() -> str | None:
    from torch._inductor import cpp_builder, exc

    try:
        return cpp_builder.get_cpp_compiler()
    except (exc.InvalidCxxCompiler, OSError, RuntimeError):
        return None


@cache
def _accepts(compiler: str, flags: str) -> bool:
    """Say whether the compiler knows the flags: it preprocesses an empty file with them, in some 10 ms."""
    if sys.platform == "win32":
        return True
    command = [compiler, *flags.split(), "-E", "-x", "c++", os.devnull]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_COMPILER_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


@cache
def _first_line(compiler: str) -> str | None:
    environment = os.environ | {"LC_ALL": "C"}
    try:
        done = subprocess.run(
            [compiler, "--version"], capture_output=True, check=False, timeout=_COMPILER_TIMEOUT_S, env=environment
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = (done.stdout or done.stderr).decode("utf-8", "replace").strip().splitlines()
    return lines[0] if lines else None


def _gpu() -> tuple[str | None, str | None]:
    import torch

    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(torch.cuda.current_device())
        architecture = properties.gcnArchName if torch.version.hip else f"{properties.major}.{properties.minor}"
        return properties.name, architecture
    if torch.xpu.is_available():
        return torch.xpu.get_device_name(), None
    return None, None


def _toolkit_version() -> str | None:
    import torch

    found = ((name, getattr(torch.version, name, None)) for name in ("cuda", "hip", "xpu"))
    return next((f"{name} {number}" for name, number in found if number), None)


@cache
def _triton_version() -> str | None:
    for distribution in ("triton", "pytorch-triton", "pytorch-triton-rocm", "pytorch-triton-xpu", "triton-windows"):
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    return None


@cache
def _cpu_model() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, None) or platform.processor() or None
