"""Front end: the built files in `static/`, which the wheel holds and a checkout builds from `widgets/`."""

from __future__ import annotations

from pathlib import Path

from megacache.errors import FrontEndError

STATIC = Path(__file__).parent / "static"
"""Where the build puts them."""

HOW_TO_BUILD = "run `make front-end` in the checkout, or install megacache from its wheel"


def built(name: str) -> Path:
    """Return a built file.

    Args:
        name: `widget.js`, `page.js` or `explorer.css`.

    Raises:
        FrontEndError: When it was not built.
    """
    path = STATIC / name
    if not path.is_file():
        raise FrontEndError(f"the explorer's front end is not built: {HOW_TO_BUILD}", path=str(path))
    return path


def styles() -> str:
    """Return the style sheet.

    Raises:
        FrontEndError: When it was not built.
    """
    return built("explorer.css").read_text(encoding="utf-8")
