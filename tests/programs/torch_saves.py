"""Save torch's own cache artifacts: `plain`, then with `caching_precompile` `once`, and `twice` with one more compile.

Takes the folder to write to. No megacache is imported.
"""

import sys
from pathlib import Path

import saved_function
import torch
from torch.compiler._cache import CacheArtifactManager

folder = Path(sys.argv[1])
torch.compiler.config.job_id = "job"


def compile_all():
    compiled = torch.compile(saved_function.forward)
    for size in (3, 5):
        weight = torch.randn(4, 4, requires_grad=True)
        compiled(torch.randn(size, 4), weight).backward()


def save(name):
    data, info = torch.compiler.save_cache_artifacts()
    (folder / f"{name}.torch").write_bytes(data)
    print(name, dict(info.artifacts))


compile_all()
save("plain")
torch._dynamo.reset()
torch.compiler.config.job_id = "another job"  # which knows nothing of dynamic sizes yet
CacheArtifactManager.clear()
torch._dynamo.config.caching_precompile = True
compile_all()
save("once")
torch.compile(saved_function.late)(torch.randn(4))
save("twice")
