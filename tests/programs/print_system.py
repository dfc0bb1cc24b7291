"""Print, as JSON, the system and the config of this process, and whether inductor's own probe gives the same ISA."""

import json
import sys
import time
from dataclasses import asdict

import torch._dynamo.config
import torch._functorch.config
import torch._inductor.config
from torch._inductor import cpu_vec_isa

from megacache.compiler import options, system


def timed_ms(function):
    began = time.perf_counter()
    result = function()
    return result, (time.perf_counter() - began) * 1000


first, first_ms = timed_ms(system.live_system)
is_probed = cpu_vec_isa.valid_vec_isa_list.cache_info().currsize > 0
second, again_ms = timed_ms(system.live_system)
facts = {
    "system": asdict(first),
    "is_equal": first == second,
    "is_probed": is_probed,
    "first_ms": first_ms,
    "again_ms": again_ms,
}
if "--probe" in sys.argv:
    picked = cpu_vec_isa.pick_vec_isa()
    facts["picked"] = "scalar" if isinstance(picked, cpu_vec_isa.InvalidVecISA) else str(picked)
    facts["after_probe"] = system.cpu_isa()

inductor, dynamo = torch._inductor.config, torch._dynamo.config
facts["default_config"] = options.live_config()
inductor.epilogue_fusion = False
inductor.max_autotune = True
inductor.max_autotune = False
inductor.trace.enabled = True
inductor.compile_threads = 7
inductor.post_grad_custom_pre_pass = timed_ms
dynamo.capture_scalar_outputs = True
dynamo.recompile_limit = 99
torch._functorch.config.cse = False
facts["config"], facts["config_ms"] = timed_ms(options.live_config)
print(json.dumps(facts))
