"""The page for people and its parts, which are the same for every service."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

STATIC = Path(__file__).with_name("static")

PAGE = "index.html"

MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

HEADERS: Mapping[str, str] = {
    "cache-control": "no-cache",
    # Images may be anywhere, as documentation shows badges; https://www.w3.org/TR/CSP3/
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' http: https:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

FOREVER: Mapping[str, str] = {
    "cache-control": "public, max-age=31536000, immutable",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the page was asked for: the request's path, what of it is above the service, and the entry's own path."""

    path: str
    root_path: str
    entry_path: str

    @property
    def base(self) -> str:
        """The address of what is below the page, relative to the page's own, which may end in a slash or not.

        It is right behind whatever hides a part of the path from the service. At the service's very root, where a
        gateway hides the slash itself, it is absolute.
        """
        if self.entry_path == "/":
            return quote(f"{self.root_path.rstrip('/')}/")
        return "./" if self.path.endswith("/") else f"./{quote(self.path.rpartition('/')[2])}/"

    @property
    def root(self) -> str:
        """The address of the service, relative to `base`."""
        return "../" * self.entry_path.rstrip("/").count("/") or "./"


def page(place: Place, token_key: str) -> str:
    """Return the page's HTML.

    Parameters:
        token_key: the header that the token goes in.
    """
    values = {"base": place.base, "root": place.root, "token_key": token_key, "version": version()}
    return _template().substitute({name: escape(value) for name, value in values.items()})


def asset(wanted: str, name: str) -> tuple[bytes, str] | None:
    """Return a part of the page with its media type, None where there is no such part in the version wanted."""
    content = _assets().get(name) if wanted == version() else None
    return None if content is None else (content, MEDIA_TYPES[Path(name).suffix])


@cache
def version() -> str:
    """Return what names the parts as they are: another content has another version."""
    digest = hashlib.sha256()
    for name, content in _assets().items():
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


@cache
def _assets() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(STATIC.iterdir()) if path.suffix in MEDIA_TYPES}


@cache
def _template() -> Template:
    return Template((STATIC / PAGE).read_text("utf-8"))
