"""Where the images are that rows name: in the archive or folder beside them, uploaded, or fetched before.

Nothing is ever unpacked to disk, and no address is asked: a name either is in one of these places, or it is refused.
"""

import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

from trainer_core.contract.dataset import MAX_IMAGE_BYTES, fetched_name
from trainer_core.data.images import InvalidImage
from trainer_core.data.records import IMAGE_SUFFIXES, suffix
from trainer_core.data.zips import BrokenZip, reading

UPLOADED = re.compile(r"(?P<id>file-[0-9a-z]{26})(/(?P<name>.+))?")
"""An uploaded image, or one in an uploaded zip."""
ADDRESS = re.compile(r"https?://", re.IGNORECASE)


class Images(Protocol):
    """Images by name."""

    def read(self, name: str) -> bytes:
        """The bytes of an image, or one byte more than it may have.

        Raises:
            InvalidImage: There is none of this name.
        """


class ZipImages:
    """The images in a zip, by their path in it or by the end of that.

    Raises:
        BrokenZip: It is none that can be read.
    """

    def __init__(self, path: Path) -> None:
        with reading():
            self._archive = zipfile.ZipFile(path)
        self._by_last: dict[str, list[str]] = {}
        for name in self._archive.namelist():
            self._by_last.setdefault(PurePosixPath(name).name, []).append(name)

    def read(self, name: str) -> bytes:
        """See `Images`."""
        found = _best(name, self._by_last.get(PurePosixPath(name).name, []))
        try:
            with reading(), self._archive.open(found) as member:
                return member.read(MAX_IMAGE_BYTES + 1)
        except BrokenZip as error:
            raise InvalidImage(f"{found!r} cannot be read from the zip: {error}") from error

    def names(self) -> list[str]:
        """Of every image."""
        return [name for name in self._archive.namelist() if suffix(name) in IMAGE_SUFFIXES]


class FolderImages:
    """The images below a folder, by their path in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def read(self, name: str) -> bytes:
        """See `Images`."""
        try:
            path = (self._folder / name).resolve()
            if path.is_relative_to(self._folder) and path.is_file():
                with path.open("rb") as file:
                    return file.read(MAX_IMAGE_BYTES + 1)
        except (OSError, ValueError):  # a name that no file can have
            pass
        raise InvalidImage(f"{name[:80]!r} is not there")


class Sources:
    """All places where an image may be.

    Args:
        beside: A zip or a folder that came with the rows.
        uploaded: Folder of uploaded images and zips, each named by its id.
        fetched: Folder of what was fetched from addresses, each named by `fetched_name`.
    """

    def __init__(self, beside: Path | None = None, uploaded: Path | None = None, fetched: Path | None = None) -> None:
        self._beside = None if beside is None else _open(beside)
        self._uploaded = uploaded
        self._fetched = fetched
        self._zips: dict[str, Images] = {}

    def read(self, url: str, attached: Mapping[str, bytes]) -> bytes:
        """The bytes of an image that a row names, which are not yet known to be one.

        Raises:
            InvalidImage: It is not there, or addresses are not read.
        """
        if url in attached:
            return attached[url]
        if ADDRESS.match(url):
            return self._fetched_image(url)
        if match := UPLOADED.fullmatch(url):
            return self._uploaded_image(match["id"], match["name"])
        if attached:
            return attached[_best(url, list(attached))]
        if self._beside is not None:
            return self._beside.read(url)
        raise InvalidImage(
            f"{url[:40]!r} is the name of an image, but no images came with the rows: put them into a zip, or give the "
            "image itself, as data:image/png;base64,… (or jpeg, webp)"
        )

    def _fetched_image(self, url: str) -> bytes:
        if self._fetched is None:
            raise InvalidImage(
                "the address of an image is not read here; give the image itself, as data:image/png;base64,… (or jpeg, "
                "webp), or ask the operator to allow addresses"
            )
        path = self._fetched / fetched_name(url)
        if path.is_file():
            return path.read_bytes()
        reason = path.with_suffix(".reason")
        raise InvalidImage(reason.read_text() if reason.is_file() else "the address was not fetched")

    def _uploaded_image(self, image_id: str, name: str | None) -> bytes:
        path = None if self._uploaded is None else self._uploaded / image_id
        if path is None or not path.is_file():
            raise InvalidImage(f"no image was uploaded as {image_id!r}; upload it first with POST /images")
        if name is None:
            with path.open("rb") as file:
                return file.read(MAX_IMAGE_BYTES + 1)
        if image_id not in self._zips:
            self._zips[image_id] = _open(path)
        return self._zips[image_id].read(name)


def _open(path: Path) -> Images:
    if path.is_dir():
        return FolderImages(path)
    try:
        return ZipImages(path)
    except BrokenZip as error:
        raise InvalidImage(f"{path.name} is no zip of images") from error


def _best(name: str, found: Sequence[str]) -> str:
    """The one path that a name means: itself, or the only one that ends with it."""
    wanted = PurePosixPath(name).as_posix().removeprefix("./")
    if wanted in found:
        return wanted
    ending = [one for one in found if f"/{one}".endswith(f"/{wanted}")]
    if len(ending) == 1:
        return ending[0]
    what = "several images" if ending else "no image"
    raise InvalidImage(f"{name[:80]!r}: the images that came with the rows have {what} of this name")
