"""Downloads from a service that breaks off, flips bytes, or lies."""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.errors import BucketUnreachable, ConnectionBroken, DownloadCorrupted, UnsafePath
from client.sync.download import download
from client.sync.transport import Transport
from client.views import Artifact, ArtifactFile
from tests.unit.client.stub_service import Answer, Asked, StubService, ranged
from trainer_core.contract.manifest import Manifest

CONTENT = bytes(range(256)) * 8
FLIPPED = b"\xff" + CONTENT[1:]
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def artifact(*paths: str) -> Artifact:
    files = tuple(ArtifactFile(path=path, num_bytes=len(CONTENT), sha256=SHA256) for path in paths)
    return Artifact(job_id="ftjob-1", attempt=1, num_bytes=len(CONTENT), manifest_sha256="", files=files)


def fetch(transport: Transport, folder: Path, *paths: str) -> int:
    """Download; gives the bytes that were told of."""
    told: list[int] = []
    download(transport, artifact(*paths), folder, told.append)
    return sum(told)


def test_folder_holds_every_file_and_a_manifest_true_of_them(
    transport: Transport, stub: StubService, tmp_path: Path
) -> None:
    stub.answers = [ranged(CONTENT)]

    fetch(transport, tmp_path, "model.bin", "sub/weights.bin")

    assert {file.path for file in Manifest.load(tmp_path).files} == {"model.bin", "sub/weights.bin"}
    assert Manifest.load(tmp_path).is_true_of(tmp_path)


def test_cut_connection_goes_on_where_it_was(transport: Transport, stub: StubService, tmp_path: Path) -> None:
    stub.answers = [ranged(CONTENT, cut_at=700)]

    fetch(transport, tmp_path, "model.bin")

    assert (tmp_path / "model.bin").read_bytes() == CONTENT
    assert [asked.headers.get("Range") for asked in stub.asked] == [None, "bytes=700-2047", "bytes=1400-2047"]


def test_connection_that_brings_nothing_ends_the_download(
    transport: Transport, stub: StubService, tmp_path: Path
) -> None:
    stub.answers = [ranged(CONTENT, cut_at=0)]

    with pytest.raises(ConnectionBroken):
        fetch(transport, tmp_path, "model.bin")


def test_download_that_broke_off_earlier_is_resumed(transport: Transport, stub: StubService, tmp_path: Path) -> None:
    (tmp_path / "model.bin.part").write_bytes(CONTENT[:1000])
    stub.answers = [ranged(CONTENT)]

    fetch(transport, tmp_path, "model.bin")

    assert stub.asked[0].headers["Range"] == "bytes=1000-2047"
    assert stub.asked[0].headers["If-Range"] == f'"{SHA256}"'
    assert (tmp_path / "model.bin").read_bytes() == CONTENT


def test_service_without_ranges_sends_the_file_from_its_beginning(
    transport: Transport, stub: StubService, tmp_path: Path
) -> None:
    (tmp_path / "model.bin.part").write_bytes(CONTENT[:1000])
    stub.answers = [lambda asked: ranged(CONTENT)(type(asked)(asked.method, asked.path, {}, b""))]

    fetch(transport, tmp_path, "model.bin")

    assert (tmp_path / "model.bin").read_bytes() == CONTENT


def test_flipped_byte_is_fetched_again(transport: Transport, stub: StubService, tmp_path: Path) -> None:
    stub.answers = [ranged(FLIPPED), ranged(CONTENT)]

    fetch(transport, tmp_path, "model.bin")

    assert (tmp_path / "model.bin").read_bytes() == CONTENT


def test_byte_flipped_twice_is_an_error_and_leaves_nothing(
    transport: Transport, stub: StubService, tmp_path: Path
) -> None:
    stub.answers = [ranged(FLIPPED)]

    with pytest.raises(DownloadCorrupted, match=r"model\.bin"):
        fetch(transport, tmp_path, "model.bin")

    assert len(stub.asked) == 2
    assert list(tmp_path.iterdir()) == []


def test_file_that_is_shorter_than_told_is_an_error(transport: Transport, stub: StubService, tmp_path: Path) -> None:
    stub.answers = [ranged(CONTENT[:100])]

    with pytest.raises(DownloadCorrupted):
        fetch(transport, tmp_path, "model.bin")


def test_whole_file_is_not_fetched_again(transport: Transport, stub: StubService, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(CONTENT)

    fetch(transport, tmp_path, "model.bin")

    assert stub.asked == []


def test_file_that_changed_on_disk_is_fetched_again(transport: Transport, stub: StubService, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(FLIPPED)
    stub.answers = [ranged(CONTENT)]

    fetch(transport, tmp_path, "model.bin")

    assert (tmp_path / "model.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("answers", [[ranged(CONTENT)], [ranged(FLIPPED), ranged(CONTENT, cut_at=700)]])
def test_bytes_told_add_up_to_the_size(
    transport: Transport, stub: StubService, tmp_path: Path, answers: list[Answer]
) -> None:
    stub.answers = [*answers]

    num_bytes = fetch(transport, tmp_path, "model.bin")

    assert num_bytes == len(CONTENT)


@pytest.fixture
def in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files come in pieces of 600 bytes; there are four."""
    monkeypatch.setattr("client.pieces.PIECE_BYTES", 600)


@pytest.mark.usefixtures("in_pieces")
def test_a_long_file_comes_over_several_connections_at_a_time(
    transport: Transport, stub: StubService, tmp_path: Path
) -> None:
    all_are_open = threading.Barrier(4, timeout=180)

    def answer(asked: Asked) -> Answer:
        all_are_open.wait()
        return ranged(CONTENT)(asked)

    stub.answers = [answer]

    fetch(transport, tmp_path, "model.bin")

    assert (tmp_path / "model.bin").read_bytes() == CONTENT
    ranges = sorted(asked.headers["Range"] for asked in stub.asked)
    assert ranges == ["bytes=0-599", "bytes=1200-1799", "bytes=1800-2047", "bytes=600-1199"]
    assert {path.name for path in tmp_path.iterdir()} == {"model.bin", "manifest.json"}


@pytest.mark.usefixtures("in_pieces")
@pytest.mark.parametrize(
    ("left", "asked"),
    [
        ({"": 600, "1": 100, "2": 600}, ["bytes=1800-2047", "bytes=700-1199"]),
        ({"": 1200, "1": 600, "2": 600}, ["bytes=1800-2047"]),  # ended before it removed what it had joined
        ({"": 1500, "2": 600, "3": 248}, []),  # ended in the middle of joining
        ({"": 2048}, []),  # ended before it named the file
    ],
)
def test_pieces_that_are_there_are_not_fetched_again(
    transport: Transport, stub: StubService, tmp_path: Path, left: dict[str, int], asked: list[str]
) -> None:
    for number, num_bytes in left.items():
        start = 600 * int(number or 0)
        (tmp_path / f"model.bin.part{number}").write_bytes(CONTENT[start : start + num_bytes])
    stub.answers = [ranged(CONTENT)]

    num_bytes = fetch(transport, tmp_path, "model.bin")

    assert sorted(one.headers["Range"] for one in stub.asked) == asked
    assert (tmp_path / "model.bin").read_bytes() == CONTENT
    assert num_bytes == len(CONTENT)


@pytest.mark.usefixtures("in_pieces")
def test_pieces_of_a_service_without_ranges_are_cut_from_the_whole(
    transport: Transport, stub: StubService, tmp_path: Path
) -> None:
    stub.answers = [Answer(CONTENT)]

    fetch(transport, tmp_path, "model.bin")

    assert (tmp_path / "model.bin").read_bytes() == CONTENT


@pytest.mark.usefixtures("in_pieces")
def test_a_flipped_byte_in_a_piece_has_the_file_fetched_again(
    transport: Transport, stub: StubService, tmp_path: Path
) -> None:
    stub.answers = [*[ranged(FLIPPED)] * 4, ranged(CONTENT)]

    num_bytes = fetch(transport, tmp_path, "model.bin")

    assert (tmp_path / "model.bin").read_bytes() == CONTENT
    assert num_bytes == len(CONTENT)


@pytest.mark.parametrize("path", ["../evil", "/etc/evil", "sub/../../evil", "", "a\\..\\evil", "a\0b"])
def test_path_out_of_the_folder_is_refused_before_anything_is_fetched(
    transport: Transport, stub: StubService, tmp_path: Path, path: str
) -> None:
    with pytest.raises(UnsafePath):
        fetch(transport, tmp_path / "model", "good.bin", path)

    assert stub.asked == []


def test_link_in_the_folder_leads_nowhere_else(transport: Transport, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "sub").symlink_to(tmp_path)

    with pytest.raises(UnsafePath):
        fetch(transport, tmp_path / "model", "sub/model.bin")


@pytest.fixture
def bucket(stub: StubService) -> Iterator[StubService]:
    """Another host, to which the service sends whoever downloads."""
    with StubService() as bucket:
        thread = threading.Thread(target=bucket.serve_forever, args=(0.01,))
        thread.start()
        stub.answers = [Answer(status=307, headers={"Location": f"{bucket.url}/key?sig=1", "ETag": f'"{SHA256}"'})]
        yield bucket
        bucket.shutdown()
        thread.join()


def test_a_file_is_read_where_the_service_says(transport: Transport, bucket: StubService, tmp_path: Path) -> None:
    bucket.answers = [ranged(CONTENT)]

    fetch(transport, tmp_path, "model.bin")

    assert (tmp_path / "model.bin").read_bytes() == CONTENT
    assert [asked.path for asked in bucket.asked] == ["/key?sig=1"]


def test_nothing_that_was_meant_for_the_service_goes_to_the_bucket(
    stub: StubService, bucket: StubService, tmp_path: Path
) -> None:
    bucket.answers = [ranged(CONTENT)]
    transport = Transport(stub.url.replace("://", "://me:secret@"), patience_seconds=1)

    fetch(transport, tmp_path, "model.bin")
    transport.close()

    assert "Authorization" in stub.asked[0].headers
    assert bucket.asked[0].headers.keys() == {"Host", "Accept-Encoding"}


def test_a_cut_connection_to_the_bucket_goes_on_where_it_was(
    transport: Transport, bucket: StubService, tmp_path: Path
) -> None:
    bucket.answers = [ranged(CONTENT, cut_at=700)]

    fetch(transport, tmp_path, "model.bin")

    assert (tmp_path / "model.bin").read_bytes() == CONTENT
    assert [(one.headers.get("Range"), one.headers.get("If-Range")) for one in bucket.asked[:2]] == [
        (None, None),
        ("bytes=700-2047", None),  # the bucket does not know the service's name of this version
    ]


def test_a_rest_of_another_version_is_fetched_whole_from_the_bucket(
    transport: Transport, stub: StubService, bucket: StubService, tmp_path: Path
) -> None:
    (tmp_path / "model.bin.part").write_bytes(b"older")
    stub.answers = [Answer(status=307, headers={"Location": f"{bucket.url}/key", "ETag": '"another"'})]
    bucket.answers = [ranged(CONTENT)]

    fetch(transport, tmp_path, "model.bin")

    assert (tmp_path / "model.bin").read_bytes() == CONTENT
    assert "Range" not in bucket.asked[0].headers


def test_a_bucket_that_does_not_answer_is_told_as_such(stub: StubService, tmp_path: Path) -> None:
    stub.answers = [Answer(status=307, headers={"Location": "http://127.0.0.2:9/key"})]
    transport = Transport(stub.url, patience_seconds=0)

    with pytest.raises(BucketUnreachable, match=r"127\.0\.0\.2"):
        fetch(transport, tmp_path, "model.bin")
    transport.close()
