"""The page and its static files, which are the same for every service."""

import hashlib
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

STATIC = Path(__file__).with_name("static")

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


def render_page(path: str, root_path: str, entry_path: str, token_key: str, auth_scheme: str | None) -> str:
    """Return the page's HTML. `root_path` is the part of the request's path above the service."""
    values = {
        "base": get_base_url(path, root_path, entry_path),
        "root": "../" * entry_path.rstrip("/").count("/") or "./",  # the service, relative to the base
        "token_key": token_key,
        "auth_scheme": auth_scheme or "",
        "version": get_version(),
    }
    return _get_template().substitute({name: escape(value) for name, value in values.items()})


def get_base_url(path: str, root_path: str, entry_path: str) -> str:
    """Return the URL of the path below the page, relative to the page: a proxy may hide a part of the path."""
    if entry_path == "/":
        # Absolute, because a gateway may hide the slash.
        return quote(f"{root_path.rstrip('/')}/")
    return "./" if path.endswith("/") else f"./{quote(path.rpartition('/')[2])}/"


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
    return Template((STATIC / "index.html").read_text("utf-8"))
