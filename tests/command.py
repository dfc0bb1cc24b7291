"""The command, run in this process, for all tests of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

from megacache.cli import app

if TYPE_CHECKING:
    from click.testing import Result


def run(*arguments: object, expect: int = 0, typed: str = "") -> Result:
    """Run one command, which has to end with an exit code, and return what it printed."""
    result = CliRunner().invoke(app, [str(each) for each in arguments], input=typed, catch_exceptions=False)
    assert result.exit_code == expect, result.output
    return result


def run_json(*arguments: object, expect: int = 0) -> Any:
    """Run one command, and return the JSON that it printed."""
    return json.loads(run(*arguments, "--json", expect=expect).stdout)
