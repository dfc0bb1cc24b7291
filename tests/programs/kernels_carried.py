"""Compile functions with C++ kernels, cold or warm, with `Kernels` attached, and print as JSON what happened.

Arguments: how, and the folder in which the runs meet.

    cold      compile, and keep the contents, torch's own bytes and the system
    warm      load torch's bytes and offer the contents
    kernels   offer the contents alone, with torch's caches off, so that torch writes every kernel's source again
    damaged   the same as warm, but one content is cut short, one has a flipped byte, and one holds no library
"""

import json
import os
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch

from megacache.compiler.kernel_content import encode, header_of
from megacache.compiler.kernels import Kernels
from megacache.compiler.raw_events import ArtifactRecorded, ArtifactServed
from megacache.compiler.system import cpu_isa, live_system
from megacache.compiler.vector_isas import _unprobed_isas
from megacache.model import SystemInfo

STARTED = []
"""The commands that this process started."""


def on_start(event, arguments):
    if event in ("subprocess.Popen", "os.posix_spawn", "os.exec"):
        STARTED.append(" ".join(map(str, arguments[1])))
    elif event in ("os.fork", "os.system"):
        STARTED.append(event)


def waves(x):
    return torch.sin(x) * torch.cos(x) + x


def softmax(x):
    return torch.softmax(x * 2, dim=-1)


def trained(x):
    return (torch.tanh(x) * x).sum()


def results():
    """The compiled and the eager result of each function, and a gradient."""
    x = torch.arange(0, 3 * 37, dtype=torch.float32).reshape(3, 37) / 50
    for function in (waves, softmax):
        yield torch.compile(function)(x), function(x)
    compiled, eager = x.clone().requires_grad_(), x.clone().requires_grad_()
    torch.compile(trained)(compiled).backward()
    trained(eager).backward()
    yield compiled.grad, eager.grad


def stored_in(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "kernels").iterdir())}


def damaged(contents):
    cut, flipped, empty, *intact = sorted(contents)
    middle = len(contents[flipped]) // 2
    changed = bytes([contents[flipped][middle] ^ 1])
    return {
        cut: contents[cut][: len(contents[cut]) // 2],
        flipped: contents[flipped][:middle] + changed + contents[flipped][middle + 1 :],
        empty: encode(header_of(contents[empty]), b"no library"),
        **{key: contents[key] for key in intact},
    }


def start_warm(how, folder, kernels):
    contents = stored_in(folder)
    if how == "kernels":
        torch._inductor.config.fx_graph_cache = False
        torch._functorch.config.enable_autograd_cache = False
    else:
        torch.compiler.load_cache_artifacts((folder / "torch.bin").read_bytes())
    if how == "damaged":
        contents = damaged(contents)
    system = SystemInfo(**json.loads((folder / "system.json").read_text()))
    kernels.offer({key: partial(contents.get, key) for key in contents}, system, live_system())


def keep(folder, events):
    (folder / "kernels").mkdir()
    for event in events:
        (folder / "kernels" / event.cache_key).write_bytes(event.content)
    (folder / "torch.bin").write_bytes(torch.compiler.save_cache_artifacts()[0])
    (folder / "system.json").write_text(json.dumps(asdict(live_system())))


def flags_of(isas):
    return [[str(isa), isa.build_macro(), isa.build_arch_flags()] for isa in isas]


def children():
    """The commands of the processes below this one that still run."""
    status = [path for path in Path("/proc").glob("[0-9]*/status") if f"PPid:\t{os.getpid()}\n" in path.read_text()]
    return [path.with_name("cmdline").read_text().replace("\0", " ") for path in status]


def main(how, folder):
    from torch._inductor import cpu_vec_isa

    sys.addaudithook(on_start)
    events = []
    kernels = Kernels(events.append)
    kernels.attach()
    if how != "cold":
        start_warm(how, folder, kernels)
    asked = list(STARTED)
    STARTED.clear()
    began = time.perf_counter()
    pairs = list(results())
    facts = {
        "seconds": round(time.perf_counter() - began, 2),
        "started": list(STARTED),
        "asked": asked,
        "children": children(),
        "is_right": all(torch.allclose(compiled, eager, atol=1e-5) for compiled, eager in pairs),
        "isa": cpu_isa(),
        "isas": flags_of(cpu_vec_isa.valid_vec_isa_list()),
        "unprobed": flags_of(_unprobed_isas()),
        "recorded": [[each.compile_id, each.cache_key] for each in events if isinstance(each, ArtifactRecorded)],
        "served": [[each.compile_id, each.cache_key] for each in events if isinstance(each, ArtifactServed)],
        "digests": [each.content_sha256 for each in events if isinstance(each, ArtifactServed)],
        "faults": [each.error.strip().splitlines()[-1] for each in kernels.faults],
        "libraries": sorted(path.stem for path in Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]).rglob("*.so")),
    }
    if how == "cold":
        keep(folder, [each for each in events if isinstance(each, ArtifactRecorded)])
    print(json.dumps(facts))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
