"""A Jupyter server, and notebooks that are open in a browser."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Locator, Page, Request

SLOW_MS = 120_000
"""How long a cell that compiles may take until its explorer stands below it."""

# Waiting for the idle sign is not enough: what is sent before the kernel's websocket is connected is dropped silently.
KERNEL_READY = """async () => {
  const notebook = window.jupyterapp?.shell?.currentWidget, context = notebook?.sessionContext;
  if (!context || !notebook.content?.widgets?.length) return false;
  await notebook.context.ready;
  await context.ready;
  const kernel = context.session?.kernel;
  if (!kernel || kernel.connectionStatus !== "connected") return false;
  await kernel.info;
  return kernel.status === "idle";
}"""

RUN_CELL = """async (index) => {
  const notebook = window.jupyterapp.shell.currentWidget;
  notebook.content.activeCellIndex = index;
  await window.jupyterapp.commands.execute("notebook:run-cell");
  return notebook.content.widgets[index].model.executionCount;
}"""

START_CELL = """(index) => {
  const notebook = window.jupyterapp.shell.currentWidget;
  notebook.content.activeCellIndex = index;
  void window.jupyterapp.commands.execute("notebook:run-cell");
}"""

CHOOSE_THEME = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"


@dataclass(frozen=True)
class Server:
    """A Jupyter server with JupyterLab and Notebook 7."""

    url: str
    token: str
    folder: Path

    def address(self, place: str) -> str:
        """Return the address of a page, such as `lab/tree/a.ipynb`."""
        return f"{self.url}{place}?token={self.token}"


@dataclass
class Opened:
    """A page, with all that its console complained of and all that it asked the network for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._on_request)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            self.requests.append(request.url)


@dataclass
class Notebook(Opened):
    """A notebook that is open in JupyterLab or in Notebook 7, with a living kernel."""

    path: Path = Path()

    @property
    def folder(self) -> Path:
        """Where the notebook is, and its kernel runs."""
        return self.path.parent

    def wait_until_idle(self) -> None:
        """Wait until the kernel is there and runs nothing."""
        deadline = time.monotonic() + SLOW_MS / 1000
        while not self.page.evaluate(KERNEL_READY):
            assert time.monotonic() < deadline, "the kernel did not become idle"
            self.page.wait_for_timeout(200)

    def choose_theme(self, name: str) -> None:
        """Choose a theme of JupyterLab's, such as `JupyterLab Dark`."""
        self.page.evaluate(CHOOSE_THEME, name)

    def run(self, index: int) -> int:
        """Run a cell to its end and return its execution count."""
        self.wait_until_idle()
        count: int = self.page.evaluate(RUN_CELL, index)
        assert count, f"cell {index} did not run: {self.output(index)}"
        return count

    def start(self, index: int) -> None:
        """Begin to run a cell, and do not wait for it."""
        self.wait_until_idle()
        self.page.evaluate(START_CELL, index)

    def wait_for(self, index: int) -> None:
        """Wait until a cell that was started has run; a kernel whose subshell answered calls itself idle before."""
        prompt = self.cell(index).locator(".jp-InputPrompt")
        expect(prompt).to_have_text(re.compile(r"\[\d+\]"), timeout=SLOW_MS)

    def output(self, index: int) -> str:
        """Return what stands below a cell, as text."""
        return "\n".join(self.cell(index).locator(".jp-OutputArea-output").all_inner_texts())

    def cell(self, index: int) -> Locator:
        """Return a cell with its output."""
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(index)

    def explorer(self, index: int) -> Locator:
        """Return the explorer below a cell, once its first row is there."""
        found = self.cell(index).locator(".mc-explorer")
        found.get_by_role("treeitem").first.wait_for()
        return found

    def save_and_leave(self) -> None:
        """Save the notebook, and end its kernel."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.close()


@contextmanager
def serving(home: Path, folder: Path) -> Iterator[Server]:
    """Run a server, with a home of its own, while the block runs.

    Args:
        home: An empty directory.
        folder: Where the notebooks are.
    """
    runtime, config = home / "runtime", home / "config"
    config.mkdir()
    # Notebook 7 is an extension here, which reads no command line.
    told = {"JupyterNotebookApp": {"expose_app_in_browser": True}}
    (config / "jupyter_notebook_config.json").write_text(json.dumps(told))
    environment = {**os.environ, "HOME": str(home), "JUPYTER_RUNTIME_DIR": str(runtime)}
    environment |= {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA")}
    environment["TORCHINDUCTOR_CACHE_DIR"] = str(home / "torch")
    command = (
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.port=0"),
        *(f"--ServerApp.root_dir={folder}", "--LabApp.news_url=None", "--LabApp.expose_app_in_browser=True"),
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    )
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True)
        try:
            yield _started(process, runtime, folder, home / "server.log")
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)


def _started(process: subprocess.Popen[bytes], runtime: Path, folder: Path, log: Path) -> Server:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        for found in runtime.glob("jpserver-*.json"):
            told = json.loads(found.read_text() or "{}")
            if told:
                return Server(told["url"], told["token"], folder)
        time.sleep(0.2)
    raise RuntimeError(f"the Jupyter server did not start:\n{log.read_text()[-3000:]}")
