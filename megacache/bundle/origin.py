"""Origin: where a file was downloaded from, as far as it tells.

Layer: bundle. Browsers, `curl --xattr` and `wget --xattr` note it in extended attributes of the file, which Linux
keeps; `cp` leaves them behind. A file without them may have been downloaded all the same.

Source: "Common extended attributes" of freedesktop.org.
"""

from __future__ import annotations

import errno
import os

_ATTRIBUTES = ("user.xdg.origin.url", "user.xdg.referrer.url")
_LONGEST = 200
_NONE_HERE = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""What a file system answers that has no extended attributes."""


def downloaded_from(path: str | os.PathLike[str] | int) -> str | None:
    """Return the address that a file was downloaded from, or None where it tells of none.

    Args:
        path: The file, or its descriptor; of a symbolic link its target counts.

    Raises:
        OSError: When the file cannot be looked at.
    """
    if not hasattr(os, "listxattr"):
        return None
    try:
        noted = os.listxattr(path)
    except OSError as error:
        if error.errno in _NONE_HERE:
            return None
        raise
    for name in _ATTRIBUTES:
        if name in noted:
            address = os.getxattr(path, name).decode("utf-8", "replace")
            shown = "".join(each if each.isprintable() else "?" for each in address[:_LONGEST])
            return shown or "an address that it does not tell"
    return None
