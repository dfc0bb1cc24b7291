"""Vector ISAs: which ones inductor may compile for, answered without its probes.

Layer: compiler. Inductor builds and loads a small library per ISA to learn this, which takes seconds and a compiler.
Where a kernel was compiled by the same torch for the ISA that this CPU has, that has been proven already.

Source: `valid_vec_isa_list` and `VecISA.__bool__`, `torch/_inductor/cpu_vec_isa.py`, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from megacache.compiler.system import isa_name, pick_isa, supported_isas

if TYPE_CHECKING:
    from torch._inductor.cpu_vec_isa import VecISA


def unprobed_isa_list(live_isa: str | None) -> Callable[[], list[VecISA]] | None:
    """Return a stand-in for torch's `valid_vec_isa_list` that builds nothing.

    Args:
        live_isa: What `cpu_isa` says of this process, which asks the compiler for its flags where there is one.

    Returns:
        A function with the `cache_info` and `cache_clear` of torch's; it is called once, so that it counts as probed.
        None where torch has to find out itself: on another machine than x86 Linux, and where the flags of the CPU
        alone give another ISA, since the compiler knows less than the CPU. None too where torch has found out already.
    """
    from torch._inductor import cpu_vec_isa

    if platform.machine() != "x86_64" or sys.platform != "linux":
        return None
    if cpu_vec_isa.valid_vec_isa_list.cache_info().currsize > 0 or isa_name(pick_isa(_unprobed_isas())) != live_isa:
        return None
    answer = cache(_unprobed_isas)
    answer()
    return answer


def _unprobed_isas() -> list[VecISA]:
    from torch._inductor import config, cpu_vec_isa

    if config.cpp.vec_isa_ok is False:
        return []
    isas = [_proven(isa) for isa in supported_isas()]
    return [isa for isa in isas if not isinstance(isa, cpu_vec_isa.VecAMX) or _has_tiles()]


def _proven(isa: VecISA) -> VecISA:
    """Return a copy of an ISA that is true without a probe; torch's own remember their probes, and stay untouched."""
    import torch
    from torch._inductor import cpu_vec_isa

    kind = type(isa)
    proven: VecISA = type(kind.__name__, (kind,), {"__bool__": lambda _: True})()
    if isinstance(proven, cpu_vec_isa.VecAVX512):
        # Torch remembers here what its probes found besides. That the tiles of AMX know fp16 is left out, since the
        # flag for it asks for a newer compiler than all others.
        proven._is_avx512_bf16_supported = torch.cpu._is_avx512_bf16_supported()
    return proven


def _has_tiles() -> bool:
    """Ask Linux for the tiles of AMX, as torch does when it probes; without, the first use of one is fatal."""
    import torch

    return bool(torch.cpu._init_amx())
