"""Seeds: real and hand-made inputs, with which the fuzzer begins.

Torch's own bytes are made by torch, in a process of its own; the rest needs no torch.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import torch_pickles
from pickle_samples import CONTAINERS, PICKLES

from megacache.bundle import Bundle
from megacache.bundle.torch_format import TorchArtifact, read_artifacts, write_artifacts
from samples import small_recording

TESTS = Path(__file__).parents[1]
LARGEST_SIZE_BYTES = 96 << 10
"""Larger ones are read too seldom in ten minutes to be of use."""

DICTIONARY = (
    *("torch._inductor.output_code\nCompiledFxGraph\n", "torch._dynamo.package\nPrecompileCacheEntry\n"),
    *("torch._functorch._aot_autograd.aot_autograd_result\nAOTAutogradResult\n", "copyreg\n_reconstructor\n"),
    *("_fx_graph_cache_key", "_fx_graph_cache_debug_lines", "source_code", "guards_expr", "fx_kwargs", "compiled_fw"),
    *("cache_linemap", "sanitized_aot_config", "guards_state", "guarded_codes", "backends", "source_info", "codes"),
    *("inductor", "aot_autograd", "autotune", "pgo", "precompile", "SQLite format 3\0", "mgca"),
    *("\x80\x02", "\x80\x04", "\x80\x05", "cos\nsystem\n", "tR.", "(", "}", "]", "u", "e", "b", "\x94", "h\0", "\x81"),
    *(
        "\x8c\x01a",
        "X\x01\0\0\0a",
        "\x93",
        "Q",
        "\x97",
        "\x98",
        "\x8a\x01\x01",
        "\x8f",
        "\x90",
        "\x91",
        "I1\n",
        "L1L\n",
    ),
)
"""Words of the formats; each character is one byte."""


def write_seeds(folder: Path, python: str = sys.executable) -> None:
    """Write the seeds of every target, each into a folder of its name.

    Args:
        folder: Where; what is there stays.
        python: The interpreter in which torch makes its own.
    """
    containers = [*_made_containers(), *_containers_of_torch(folder / "torch", python)]
    made = {
        "pickle": [each for data in containers for each in _contents(data)] + [each.data for each in PICKLES.values()],
        "container": [*containers, *CONTAINERS.values()],
        "bundle": [*_bundles(folder, containers), *_golden_bundles()],
    }
    made["pickle"] += [pickle.dumps(_plain_values(), protocol=protocol) for protocol in range(6)]
    for target, seeds in made.items():
        place = folder / target
        place.mkdir(parents=True, exist_ok=True)
        for data in seeds:
            if len(data) <= LARGEST_SIZE_BYTES:
                (place / sha256(data).hexdigest()[:16]).write_bytes(data)
    lines = ['"' + "".join(rf"\x{ord(each):02x}" for each in word) + '"\n' for word in DICTIONARY]
    (folder / "dictionary").write_text("".join(lines), encoding="ascii")


def _plain_values() -> object:
    shared: list[object] = [1, -(2**70), 1.5, None, True, "é", b"bytes", bytearray(b"array")]
    shared.append(shared)
    return {"a": shared, 1: (shared, {2, 3}, frozenset({"x"})), b"k": {}, 2.5: [], None: ((),)}


def _made_containers() -> Iterator[bytes]:
    """Yield containers as torch writes them, as small as can be: their contents are made by hand."""
    graph, aot, pickled = torch_pickles.graph, torch_pickles.aot, torch_pickles.pickled
    guards = torch_pickles.guards_state(
        torch_pickles.guard("TENSOR_MATCH", "L['x']"), shapes=("L['x'].size()[0] >= 2",)
    )
    functions = [
        torch_pickles.Function("step", 8, [(("__compiled_fn_1_a", "__resume_at_10_2"), guards)]),
        torch_pickles.Function("torch_dynamo_resume_in_step_at_10", 8, [((), guards)], ("__resume_at_10_2",)),
    ]
    backends = {"__compiled_fn_1_a": aot(graph("inner"), graph("back", fx_kwargs={"is_backward": True}))}
    artifacts = [
        TorchArtifact("inductor", "fone", pickled(graph("fone"))),
        TorchArtifact("aot_autograd", "aone", pickled(aot("fone", "fone"))),
        TorchArtifact("precompile", "step", pickled(torch_pickles.precompile(*functions, backends=backends))),
        TorchArtifact("pgo", "job", pickled(torch_pickles.profile(x=(None, 64)))),
        TorchArtifact("autotune", "best", b'{"XBLOCK": 64, "num_warps": 4, "num_stages": 1, "time_taken_ms": 3}'),
    ]
    yield from (write_artifacts([each]) for each in artifacts)
    yield write_artifacts(artifacts)
    yield write_artifacts([])


def _containers_of_torch(folder: Path, python: str) -> Iterator[bytes]:
    """Yield what torch saves, whole and each artifact for itself."""
    if not (folder / "twice.torch").is_file():  # which is written last
        folder.mkdir(parents=True, exist_ok=True)
        program = TESTS / "programs" / "torch_saves.py"
        # What torch finds in a cache that others filled, it may not save.
        with tempfile.TemporaryDirectory() as cache:
            environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": cache}
            command = [python, str(program), str(folder)]
            subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, env=environment)
    for path in sorted(folder.glob("*.torch")):
        data = path.read_bytes()
        yield data
        yield from (write_artifacts([each]) for each in read_artifacts(data))


def _contents(data: bytes) -> list[bytes]:
    return [each.content for each in read_artifacts(data)]


def _bundles(folder: Path, containers: list[bytes]) -> Iterator[bytes]:
    """Yield bundles: one of a notebook, one of torch's artifacts, an empty one."""
    path = folder / "seed.megacache"
    for number in range(3):
        path.unlink(missing_ok=True)
        with Bundle.create(path) as bundle:
            if number == 1:
                bundle.append(*small_recording())
            elif number == 2:
                for data in containers[:6]:
                    Bundle.from_torch(data, path).close()
        yield path.read_bytes()
    path.unlink()


def _golden_bundles() -> Iterator[bytes]:
    """Yield a bundle of every version of the format."""
    yield from (path.read_bytes() for path in sorted((TESTS / "golden").glob("v*/*.megacache")))
