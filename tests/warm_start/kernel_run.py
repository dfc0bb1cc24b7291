"""Run many cases in one process, each as the cells of a notebook or as a module on disk.

    python kernel_run.py CAPTURE PHASE FOLDER OUTCOMES CASE_ID...

The shell is IPython's, with the cell names of ipykernel; the user's namespace is `__main__`. Every case begins with a
new namespace, a reset Dynamo, its own cache directory and default settings. The file OUTCOMES gets one line when a
case begins and one when it has ended, so that a process that dies says where.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch._dynamo
import torch._functorch.config
import torch._inductor.config
from ipykernel.compiler import XCachingCompiler
from IPython.core.interactiveshell import InteractiveShell
from torch._inductor.runtime.cache_dir_utils import temporary_cache_dir
from traitlets import Type
from traitlets.config import Config
from warm_start.captures import CAPTURES
from warm_start.cases import ITEMS
from warm_start.comparison import difference

if TYPE_CHECKING:
    from warm_start.case import Item, Run

CONFIGS = (torch._dynamo.config, torch._functorch.config, torch._inductor.config)


class NotebookShell(InteractiveShell):
    """A kernel's shell without its sockets."""

    compiler_class = Type(XCachingCompiler)

    def showtraceback(self, *args: Any, **kwargs: Any) -> None:
        """Show nothing: the error is in the result of the cell."""


class Kernel:
    """One process in which cases run."""

    def __init__(self, capture: Any, folder: Path) -> None:
        self.capture = capture
        self.modules = folder / "modules"
        self.shell = NotebookShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
        sys.path.insert(0, str(self.modules))

    def run(self, item: Item, phase: int) -> dict[str, Any]:
        """Run one phase of a case and say what came of it."""
        started = time.perf_counter()
        run = item.run(phase)
        self.capture.begin(item)
        with settings_kept(), temporary_cache_dir(str(self.capture.cache_folder(item, phase))):
            torch.manual_seed(0)
            torch.utils.hooks.RemovableHandle.next_id = 0  # as in a new kernel: hooks are known by their number
            status, message = self._outcome(item, run)
            torch._dynamo.reset()
        faults = self.capture.faults() if hasattr(self.capture, "faults") else []
        if status == "right" and faults:
            status, message = "fault", faults[0]
        return {
            "id": item.id,
            "phase": phase,
            "status": status,
            "message": message,
            "verdict": self.capture.verdict(),
            "traced": self.capture.traced,
            "reasons": self.capture.reasons(),
            "seconds": round(time.perf_counter() - started, 2),
        }

    def _outcome(self, item: Item, run: Run) -> tuple[str, str]:
        tools = {"torch": torch, "grid": grid, "session": self.capture.session}
        tools["bundle"] = getattr(self.capture, "bundle", None)
        around = contextlib.nullcontext() if item.case.has_own_sessions else self.capture.session()
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), self._files(run):
                with around:
                    found = self._in_cells(run, tools) if item.where == "cell" else self._in_file(item, run, tools)
                wrong = difference(*found)
        except BaseException as error:  # noqa: BLE001  Whatever the user would see.
            return "crashed", f"{type(error).__name__}: {error}\n{''.join(traceback.format_exception(error))}"
        return ("wrong", wrong) if wrong else ("right", "")

    def _in_cells(self, run: Run, tools: dict[str, Any]) -> tuple[Any, Any]:
        # As in a new kernel: what torch left in the globals of another case must not be found in this one.
        self.shell.user_module, self.shell.user_ns = self.shell.prepare_user_module()
        self.shell.init_sys_modules()
        self.shell.init_user_ns()
        scope = self.shell.user_ns
        scope.update(tools)
        for cell in run.text.split("# %%\n"):
            done = self.shell.run_cell(cell)
            if not done.success:
                raise done.error_in_exec or done.error_before_exec
        return scope["result"], scope["eager"]

    def _in_file(self, item: Item, run: Run, tools: dict[str, Any]) -> tuple[Any, Any]:
        name = f"case_{item.id}"
        path = self.modules / f"{name}.py"
        path.write_text(run.text)
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        vars(module).update(tools)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module.result, module.eager

    @contextlib.contextmanager
    def _files(self, run: Run) -> Iterator[None]:
        """Write the modules on disk, and forget all that a case imported when its sessions have ended."""
        for name, text in run.files.items():
            (self.modules / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        before = set(sys.modules)
        try:
            yield
        finally:
            for name in set(sys.modules) - before:
                path = getattr(sys.modules[name], "__file__", None)
                if path and Path(path).parent == self.modules:
                    del sys.modules[name]


def grid(*shape: int) -> torch.Tensor:
    """Return a tensor of small numbers, the same in every process."""
    count = torch.Size(shape).numel()
    return ((torch.arange(count) * 5 % 11 - 4) / 8).reshape(shape)


@contextlib.contextmanager
def settings_kept() -> Iterator[None]:
    """Put back what a case sets in torch and in the environment."""
    before = [module.get_config_copy() for module in CONFIGS]
    variables = dict(os.environ)
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    cuda_precision = torch.backends.cuda.matmul.fp32_precision  # setting the one above changes it
    try:
        yield
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
        torch.backends.cuda.matmul.fp32_precision = cuda_precision
        torch.set_grad_enabled(True)
        torch.use_deterministic_algorithms(False)
        torch.autograd.set_detect_anomaly(False)
        os.environ.clear()
        os.environ.update(variables)
        for module, options in zip(CONFIGS, before, strict=True):
            _restore(module, options)


def _restore(module: Any, options: dict[str, Any]) -> None:
    now = module.get_config_copy()
    for name, value in options.items():
        if now[name] != value:
            setattr(module, name, value)


def main(capture: str, phase: str, folder: str, outcomes: str, *ids: str) -> None:
    """Run the cases, and write down each one's begin and end."""
    kernel = Kernel(CAPTURES[capture](Path(folder)), Path(folder))
    with Path(outcomes).open("a", buffering=1) as file:
        for each in ids:
            file.write(json.dumps({"begun": each}) + "\n")
            file.write(json.dumps(kernel.run(ITEMS[each], int(phase))) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
