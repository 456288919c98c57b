"""The page and its static files, which are the same for every service."""

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

PAGE_HEADERS: Mapping[str, str] = {
    "cache-control": "no-cache",
    # Images from any host, because documentation shows badges.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' http: https:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

ASSET_HEADERS: Mapping[str, str] = {
    "cache-control": "public, max-age=31536000, immutable",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class PageLocation:
    """The location of the page in a request, to which its relative URLs refer.

    Attributes:
        path: the request's path.
        root_path: the part of it above the service.
        entry_path: the path of the page's entry.
    """

    path: str
    root_path: str
    entry_path: str

    @property
    def base(self) -> str:
        """URL of the path below the page, relative to the page, with or without a trailing slash.

        It stays correct behind a proxy that hides a part of the path. At the root of the service it is absolute,
        because a gateway may hide the slash.
        """
        if self.entry_path == "/":
            return quote(f"{self.root_path.rstrip('/')}/")
        return "./" if self.path.endswith("/") else f"./{quote(self.path.rpartition('/')[2])}/"

    @property
    def root(self) -> str:
        """URL of the service, relative to `base`."""
        return "../" * self.entry_path.rstrip("/").count("/") or "./"


def render_page(location: PageLocation, token_key: str) -> str:
    """Return the page's HTML. `token_key` is the header of the token."""
    values = {"base": location.base, "root": location.root, "token_key": token_key, "version": get_version()}
    return _get_template().substitute({name: escape(value) for name, value in values.items()})


def get_asset(version: str, name: str) -> tuple[bytes, str] | None:
    """Return the content and media type of a static file, or None if there is no such file in this version."""
    content = _read_assets().get(name) if version == get_version() else None
    return None if content is None else (content, MEDIA_TYPES[Path(name).suffix])


@cache
def get_version() -> str:
    """Return a digest of the static files, which is part of their URLs."""
    digest = hashlib.sha256()
    for name, content in _read_assets().items():
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


@cache
def _read_assets() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(STATIC.iterdir()) if path.suffix in MEDIA_TYPES}


@cache
def _get_template() -> Template:
    return Template((STATIC / PAGE).read_text("utf-8"))
