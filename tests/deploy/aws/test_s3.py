"""An archive's way to S3: to an emulator of AWS, and to servers that refuse as AWS does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest

from coworks_async.deploy.archive.build import Archive
from coworks_async.deploy.aws.s3 import upload
from coworks_async.exceptions import DeployError

KEY = "orders/archive.zip"
REGION = "eu-west-1"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_MAX_ATTEMPTS", "1"),
        ("AWS_CONFIG_FILE", str(tmp_path / "none")),
        ("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none")),
    ):
        monkeypatch.setenv(name, value)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    path = tmp_path / "orders.zip"
    path.write_bytes(b"archive")
    return Archive(path, "abc", 7, 7, ())


def session() -> Any:
    return boto3.Session(region_name=REGION)


@pytest.fixture
def s3(emulator: str, account: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of the emulator, in an account of this test alone that has one bucket."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account)
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator)
    client = session().client("s3")
    client.create_bucket(Bucket=f"archives-{account}", CreateBucketConfiguration={"LocationConstraint": REGION})
    return client


@pytest.fixture
def bucket(account: str) -> str:
    return f"archives-{account}"


def test_it_is_put_there_encrypted_and_not_again_while_it_is_the_same(s3: Any, bucket: str, archive: Archive):
    sent: list[int] = []
    assert upload(archive, bucket, KEY, session(), sent.append) is True
    found = s3.get_object(Bucket=bucket, Key=KEY)
    assert (found["Body"].read(), found["ServerSideEncryption"]) == (b"archive", "AES256")
    assert sum(sent) == 7
    assert upload(archive, bucket, KEY, session(), sent.append) is False
    assert sum(sent) == 7
    other = Archive(archive.path, "abd", 7, 7, ())
    assert upload(other, bucket, KEY, session()) is True
    assert s3.head_object(Bucket=bucket, Key=KEY)["Metadata"] == {"content-hash": "abd"}


def test_a_large_one_is_sent_in_parts(s3: Any, bucket: str, archive: Archive):
    archive.path.write_bytes(b"\0" * (9 * 1024 * 1024))
    sent: list[int] = []
    assert upload(archive, bucket, KEY, session(), sent.append) is True
    assert sum(sent) == s3.head_object(Bucket=bucket, Key=KEY)["ContentLength"] == 9 * 1024 * 1024
    assert s3.head_object(Bucket=bucket, Key=KEY)["ETag"].endswith('-2"')


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize(
    ("bucket", "told"),
    [
        ("nowhere", "there is no such bucket: create it, or name another by --bucket"),
        ("a b", "a bucket cannot be called so"),
    ],
)
def test_a_bucket_that_cannot_be_is_one_line(archive: Archive, bucket: str, told: str):
    with pytest.raises(DeployError) as caught:
        upload(archive, bucket, KEY, session())
    assert str(caught.value) == f"The archive cannot be put into the bucket {bucket!r}: {told}."


@contextmanager
def answering(status: int, code: str, head: tuple[int, dict[str, str]]) -> Iterator[str]:
    """A server that answers a HEAD with `head`, which has no body, and a PUT with an error of S3's."""
    body = f"<Error><Code>{code}</Code><Message>Refused</Message></Error>".encode()

    class Handler(BaseHTTPRequestHandler):
        # Which knows of `Expect: 100-continue`.
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.send_response(head[0])
            for name, value in head[1].items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def refused(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What is told of a refusal."""

    def refused(status: int, code: str, head: tuple[int, dict[str, str]]) -> str:
        with answering(status, code, head) as url:
            monkeypatch.setenv("AWS_ENDPOINT_URL", url)
            with pytest.raises(DeployError) as caught:
                upload(archive, "archives", KEY, session())
        message = str(caught.value)
        assert "\n" not in message
        return message

    return refused


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (403, "AccessDenied", "your credentials have no right to put objects there (s3:PutObject)."),
        (404, "NoSuchBucket", "there is no such bucket: create it, or name another by --bucket."),
        (400, "ExpiredToken", "the credentials have expired: get new ones and deploy again."),
        (403, "RequestTimeTooSkewed", "the clock of this machine is wrong."),
        (400, "EntityTooLarge", "Refused."),
    ],
)
def test_a_refusal_is_one_line(refused: Callable[..., str], status: int, code: str, told: str):
    assert refused(status, code, (403, {})) == f"The archive cannot be put into the bucket 'archives': {told}"


def test_a_bucket_of_another_region_is_refused_though_s3_would_take_it(refused: Callable[..., str]):
    for status in (200, 403):
        assert refused(403, "AccessDenied", (status, {"x-amz-bucket-region": "us-east-2"})) == (
            "The bucket 'archives' is in us-east-2, and the function will be in eu-west-1: Lambda takes archives of "
            "its own region alone. Name another by --bucket, or --region."
        )


def test_a_server_that_fails_is_told(refused: Callable[..., str]):
    assert refused(403, "AccessDenied", (500, {})).startswith("The archive cannot be put into the bucket 'archives': ")


def test_no_network_and_no_credentials_are_one_line(archive: Archive, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    with pytest.raises(DeployError, match=r"^The archive cannot be put into the bucket 'archives': Could not connect"):
        upload(archive, "archives", KEY, session())
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(DeployError, match=r"no credentials are found: name a profile by --profile-name"):
        upload(archive, "archives", KEY, session())
