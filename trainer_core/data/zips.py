"""Zips that strangers made: whatever may be wrong with one, in its tables or in what is packed, is one error."""

import errno
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    UnicodeDecodeError,
    NotImplementedError,
    RuntimeError,
)
"""Broken tables or content, content that ends early, a name that is no text, an odd method or version, a password."""
_OF_CONTENT = (None, errno.EINVAL)
"""Of an OSError that no disk has raised: bzip2's, and a place before the beginning of the file."""


class BrokenZip(Exception):
    """The zip cannot be read."""


@contextmanager
def reading() -> Iterator[None]:
    """Within, a zip is opened or read.

    Raises:
        BrokenZip: It is broken, or packed in a way that is not read.
    """
    try:
        yield
    except _BROKEN as error:
        raise BrokenZip(str(error)) from error
    except MemoryError as error:  # LZMA reserves as much as the file says
        raise BrokenZip("unpacking it takes more memory than one file is given") from error
    except OSError as error:
        if error.errno not in _OF_CONTENT:
            raise
        raise BrokenZip(str(error)) from error
