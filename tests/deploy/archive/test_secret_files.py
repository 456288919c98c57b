"""Private keys in files of the archive."""

from base64 import b64encode
from pathlib import Path

import pytest

from coworks_async.deploy.archive.secret_files import check_private_keys, contains_private_key
from coworks_async.exceptions import CommandError, DeployError

# Not one literal: this file must not contain a private key itself.
BEGIN = "-----BEGIN "
KEY = f"{BEGIN}PRIVATE KEY-----\nMIIEvQ==\n-----END PRIVATE KEY-----\n"


def write(folder: Path, content: str | bytes, name: str = "data.txt") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "kind",
    ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY", "Private Key"],
)
def test_a_private_key_is_found_in_any_format(tmp_path: Path, kind: str):
    assert contains_private_key(write(tmp_path, f"first line\n{BEGIN}{kind}-----\nMIIE\n"))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f"{BEGIN}PGP PRIVATE KEY BLOCK-----\n", id="pgp"),
        pytest.param("---- " + "BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n", id="ssh2"),
        pytest.param('{"private_key": "' + KEY.replace("\n", "\\n") + '"}', id="service-account-json"),
        pytest.param(f'KEY = """{KEY}"""', id="python"),
        pytest.param(KEY.encode("utf-16"), id="utf-16"),
        pytest.param(b"\xff\xfe\x80" + KEY.encode(), id="binary"),
        pytest.param("x" * (1024 * 1024 - 9) + KEY, id="across-two-chunks"),
    ],
)
def test_a_private_key_is_found_in_any_file(tmp_path: Path, content: str | bytes):
    assert contains_private_key(write(tmp_path, content))


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED "])
def test_a_private_key_in_base64_is_found(tmp_path: Path, kind: str):
    encoded = b64encode(f"{BEGIN}{kind}PRIVATE KEY-----\nMIIEvQ==\n".encode())
    assert contains_private_key(write(tmp_path, b"client-key-data: " + encoded))
    certificate = b64encode(f"{BEGIN}CERTIFICATE-----\nMIIEvQ==\n".encode())
    assert not contains_private_key(write(tmp_path, b"client-certificate-data: " + certificate))


@pytest.mark.parametrize(
    "content",
    ["", f"{BEGIN}CERTIFICATE-----\n", f"{BEGIN}PUBLIC KEY-----\n", "BEGIN PRIVATE KEY", "-----END PRIVATE KEY-----"],
)
def test_certificates_public_keys_and_text_are_not_private_keys(tmp_path: Path, content: str):
    assert not contains_private_key(write(tmp_path, content))


def test_files_with_a_private_key_are_named_unless_they_are_allowed(tmp_path: Path):
    files = {name: write(tmp_path, KEY, name) for name in ("a.pem", "b/c.json")} | {"d.py": write(tmp_path, "", "d.py")}
    with pytest.raises(DeployError) as caught:
        check_private_keys(files)
    assert str(caught.value) == (
        "The archive would contain a private key: a.pem, b/c.json. Exclude the file in .cwsignore, or include it with "
        "--allow-secret a.pem."
    )
    with pytest.raises(DeployError, match=r"^The archive would contain a private key: b/c\.json\. "):
        check_private_keys(files, ("a.pem",))
    check_private_keys(files, ("a.pem", "b/c.json"))


def test_an_allowed_path_must_be_in_the_archive(tmp_path: Path):
    with pytest.raises(CommandError) as caught:
        check_private_keys({"a.pem": write(tmp_path, KEY)}, ("a.pem", "b.pem"))
    assert str(caught.value) == (
        "--allow-secret: the archive contains no file 'b.pem'. 'cws zip --list' lists its files."
    )


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path):
    with pytest.raises(DeployError, match=r"missing\.txt cannot be read: No such file or directory\.$"):
        contains_private_key(tmp_path / "missing.txt")
