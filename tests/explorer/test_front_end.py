import pickle

import pytest

from megacache.errors import FrontEndError
from megacache.explorer import front_end


def test_built_files_are_found():
    assert front_end.built("widget.js").read_text().startswith("export default")
    assert front_end.styles().startswith(".mc-explorer")


def test_what_was_not_built_is_an_error_that_says_how(built):
    (built / "widget.js").unlink()
    with pytest.raises(FrontEndError, match="make front-end") as failure:
        front_end.built("widget.js")
    assert failure.value.path == str(built / "widget.js")
    assert str(pickle.loads(pickle.dumps(failure.value))) == str(failure.value)  # noqa: S301


def test_scripts_may_bring_their_own_styles(built):
    (built / "explorer.css").unlink()
    assert front_end.styles() == ""
