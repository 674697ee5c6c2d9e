"""An image is found where rows may name it, and nowhere else."""

from pathlib import Path

import pytest

from tests.unit.trainer_core.data.forms import png, write_zip
from trainer_core.contract.dataset import fetched_name
from trainer_core.data.images import InvalidImage
from trainer_core.data.sources import Sources

ID = "file-01k0zzzzzzzzzzzzzzzzzzzzzz"
URL = "https://example.com/a.png"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_zip(tmp_path / "images.zip", {"x/a.png": b"xa", "y/a.png": b"ya", "x/b.png": b"xb"})


@pytest.mark.parametrize(("name", "found"), [("x/a.png", b"xa"), ("b.png", b"xb"), ("./x/b.png", b"xb")])
def test_a_name_is_a_path_in_the_zip_or_its_end(images: Path, name: str, found: bytes) -> None:
    assert Sources(images).read(name, {}) == found


@pytest.mark.parametrize(("name", "told"), [("a.png", "several images"), ("c.png", "no image")])
def test_a_name_that_is_not_clear_is_refused(images: Path, name: str, told: str) -> None:
    with pytest.raises(InvalidImage, match=told):
        Sources(images).read(name, {})


def test_a_folder_is_never_left(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "secret.png").write_bytes(png("red"))
    (tmp_path / "images/link.png").symlink_to(tmp_path / "secret.png")
    sources = Sources(tmp_path / "images")

    for name in ("../secret.png", str(tmp_path / "secret.png"), "link.png", "\0"):
        with pytest.raises(InvalidImage, match="not there"):
            sources.read(name, {})


def test_an_uploaded_image_is_found_by_its_id(tmp_path: Path) -> None:
    (tmp_path / ID).write_bytes(b"image")

    assert Sources(uploaded=tmp_path).read(ID, {}) == b"image"


def test_an_image_of_an_uploaded_zip_is_found_by_both(tmp_path: Path, images: Path) -> None:
    images.rename(tmp_path / ID)

    assert Sources(uploaded=tmp_path).read(f"{ID}/b.png", {}) == b"xb"


def test_an_id_that_was_not_uploaded_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidImage, match="upload it first"):
        Sources(uploaded=tmp_path).read(ID, {})


def test_an_address_is_refused_unless_it_was_fetched() -> None:
    with pytest.raises(InvalidImage, match="is not read here"):
        Sources().read(URL, {})


def test_a_fetched_image_is_found_by_its_address(tmp_path: Path) -> None:
    (tmp_path / fetched_name(URL)).write_bytes(b"image")

    assert Sources(fetched=tmp_path).read(URL, {}) == b"image"


def test_why_an_address_was_not_fetched_is_told(tmp_path: Path) -> None:
    (tmp_path / f"{fetched_name(URL)}.reason").write_text("answered 404")

    with pytest.raises(InvalidImage, match="answered 404"):
        Sources(fetched=tmp_path).read(URL, {})
