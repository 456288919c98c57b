"""Secrets are kept out of texts and files."""

import json
from pathlib import Path

import pytest

from coworks_async.deploy.terraform.redaction import MASK, SHORTEST, Redaction


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("s3cr3t-token", "It is s3cr3t-token."),
        ('with "quotes" \\ and\nlines', json.dumps({"a": 'with "quotes" \\ and\nlines'})),
        ('with "quotes"', json.dumps({"a": json.dumps({"b": 'with "quotes"'})})),
        ("a<b>&c-long", '{"a": "a\\u003cb\\u003e\\u0026c-long"}'),
        ("clé-secrète", json.dumps("clé-secrète")),
        ("clé-secrète", json.dumps("clé-secrète", ensure_ascii=False)),
        ("a.*b.*c.*", "a.*b.*c.*"),
    ],
)
def test_a_secret_is_masked_however_it_is_written(secret: str, text: str) -> None:
    masked = Redaction([secret]).text(text)
    assert MASK in masked
    assert not any(part in masked for part in ("s3cr3t", "quotes", "c-long", "secr", ".*"))


def test_of_two_secrets_the_longer_is_masked_whole() -> None:
    assert Redaction(["password", "password-of-ann"]).text("password-of-ann, password") == f"{MASK}, {MASK}"


def test_a_short_value_is_no_secret() -> None:
    short = "x" * (SHORTEST - 1)
    assert Redaction([short, ""]).text(f"{short} stays") == f"{short} stays"
    assert Redaction([short + "x"]).text(short + "x") == MASK


def test_a_file_keeps_its_mode_and_what_is_not_secret(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"s3cr3t-token\n\xff\n")
    file.chmod(0o600)
    Redaction(["s3cr3t-token"]).file(file)
    assert file.read_text() == f"{MASK}\n�\n"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_without_secrets_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"\xff\n")
    Redaction(["s3cr3t-token"]).file(file)
    assert file.read_bytes() == b"\xff\n"
