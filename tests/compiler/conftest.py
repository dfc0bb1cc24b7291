"""Fixtures of the compiler's room: one process that compiles, forgets, and is served what it kept."""

from __future__ import annotations

import gc
import itertools
import linecache
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from made_rows import artifact_of

from megacache.model import GUARDED_CODE


@dataclass
class Heard:
    """What one run gave back, and what was heard of it."""

    result: Any = None
    events: list[Any] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def of(self, kind: str) -> list[Any]:
        """Return the events of one class, by its name."""
        return [event for event in self.events if type(event).__name__ == kind]

    @property
    def kept(self) -> list[Any]:
        """The guarded codes that were kept."""
        return [event for event in self.of("ArtifactRecorded") if event.artifact_type == GUARDED_CODE]

    @property
    def served(self) -> list[Any]:
        """The guarded codes that were served."""
        return [event for event in self.of("ArtifactServed") if event.artifact_type == GUARDED_CODE]

    @property
    def reasons(self) -> list[str]:
        """Why something was not served, or not kept."""
        return [event.reason for event in self.events if hasattr(event, "reason")]

    @property
    def is_served(self) -> bool:
        """Say whether all was served, and nothing traced."""
        return bool(self.served) and not self.kept and not self.of("GuardedCodeBypassed")


class Machine:
    """Runs one program after the other, each as if in a fresh process: torch forgets, and only the shelf is left."""

    def __init__(self) -> None:
        from megacache.compiler.shelf import Shelf

        self.shelf = Shelf()
        self.contents: dict[str, bytes] = {}

    def run(self, call: Callable[[], Any], *, sink: Callable[[Any], None] | None = None) -> Heard:
        """Call something while guarded codes are kept and served; what is kept is on the shelf for the next run.

        Args:
            call: The program.
            sink: Takes each event beside us.
        """
        import torch._dynamo
        from torch._dynamo import symbolic_convert

        from megacache.compiler.precompile import Precompile
        from megacache.compiler.taps import Taps

        heard = Heard()

        def hear(event: Any) -> None:
            heard.events.append(event)
            precompile.hear(event)
            if sink is not None:
                sink(event)

        torch._dynamo.reset()
        symbolic_convert._import_module.cache_clear()
        precompile = Precompile(hear, self.shelf)
        taps = Taps(hear)
        precompile.attach()
        taps.attach()
        try:
            heard.result = call()
            precompile.flush()
        finally:
            taps.detach()
            precompile.detach()
        heard.faults = [fault.error for fault in (*precompile.faults, *taps.faults)]
        self.put(heard)
        return heard

    def put(self, heard: Heard) -> None:
        """Put what a run recorded on the shelf."""
        artifacts = []
        for event in heard.of("ArtifactRecorded"):
            artifact = artifact_of(event.content, event.cache_key, artifact_type=event.artifact_type, added_us=0)
            self.contents[artifact.content_sha256] = event.content
            artifacts.append(artifact)
        self.shelf.put(artifacts, self.contents.__getitem__)


@pytest.fixture(scope="module")
def torch_cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The directory of torch's caches for one file of tests: equal graphs are lowered once."""
    return str(tmp_path_factory.mktemp("torch-cache"))


@pytest.fixture
def machine(torch_cache: str) -> Iterator[Machine]:
    """A machine that leaves torch as it was."""
    import torch
    import torch._dynamo
    from torch._inductor.runtime.cache_dir_utils import temporary_cache_dir

    before = torch.get_rng_state()
    torch.manual_seed(0)
    with temporary_cache_dir(torch_cache), torch._inductor.config.patch({"compile_threads": 1}):
        yield Machine()
    torch._dynamo.reset()
    torch.set_rng_state(before)


_NUMBERS = itertools.count()

BROKEN = """
import torch

SCALE = 3

def f(x):
    y = x.sin() * SCALE
    torch._dynamo.graph_break()
    return y + 1
"""


@dataclass
class Compiled:
    """One function that was compiled into a package of torch's."""

    function: Callable[..., Any]
    package: Any
    x: Any
    expected: Any

    @property
    def entry(self) -> Any:
        """Torch's precompile entry of it, without its backends."""
        return self.package.cache_entry()


@pytest.fixture(scope="module")
def compiled() -> Iterator[Compiled]:
    """Compile a function with a graph break, once for all tests of a file, and keep its precompile entry in torch.

    Its backend is eager, so that no compiler runs.
    """
    import torch
    from torch._dynamo.package import CompilePackage, DynamoStore
    from torch._dynamo.precompile_context import PrecompileContext

    module, filename = types.ModuleType("stored"), "/nowhere/stored.py"
    module.__file__ = filename
    sys.modules["stored"] = module
    linecache.cache[filename] = (len(BROKEN), None, BROKEN.splitlines(keepends=True), filename)
    exec(compile(BROKEN, filename, "exec"), module.__dict__)  # noqa: S102  the text is ours
    torch._dynamo.reset()
    PrecompileContext.clear()
    package, x = CompilePackage(module.f), torch.arange(6.0)
    # Only so does torch leave out the guards that it cannot keep.
    with torch._dynamo.config.patch(caching_precompile=True):
        expected = torch._dynamo.optimize(backend="eager", package=package)(module.f)(x)
    assert expected.equal(module.f(x))
    for backend_id, backend in package.cached_backends.items():
        DynamoStore.record_eager_backend(None, backend_id, backend)
    torch._dynamo.reset()
    gc.collect()  # What the compile put into the module goes with its bytecode, before anything is installed there.
    yield Compiled(module.f, package, x, expected)
    PrecompileContext.clear()
    torch._dynamo.reset()
    del sys.modules["stored"], linecache.cache[filename]


@pytest.fixture
def define() -> Iterator[Callable[..., types.ModuleType]]:
    """Make a module from a text, under one name each time: as if its file had been edited between two processes."""
    made: list[str] = []
    test = f"edited_{next(_NUMBERS)}"

    def module(text: str, name: str | None = None, **values: object) -> types.ModuleType:
        found = types.ModuleType(name or test)
        found.__dict__.update(values)
        found.__file__ = filename = f"/nowhere/{found.__name__}.py"
        sys.modules[found.__name__] = found
        made.append(found.__name__)
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        exec(compile(text, filename, "exec"), found.__dict__)  # noqa: S102  the text is ours
        return found

    yield module
    for name in made:
        sys.modules.pop(name, None)
        linecache.cache.pop(f"/nowhere/{name}.py", None)
