"""Signatures as their authors wrote them."""

from typing import Any

import pytest

from coworks_async.blueprints.admin.routes import signature_of


class Methods:
    def bare(self):
        return None

    def plain(self, a: int, *rest: str, b: "int | None" = None, **others: Any) -> "list[str]":
        return []

    def positional(self, a, /, *, b):
        return a, b


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("bare", "()"),
        ("plain", "(a: int, *rest: str, b: int | None = None, **others: Any) -> list[str]"),
        ("positional", "(a, /, *, b)"),
    ],
)
def test_a_signature_is_shown_without_self_and_without_quotes(name: str, signature: str):
    assert signature_of(getattr(Methods(), name)).replace("typing.", "") == signature
