"""The documentation that the author of a service writes in Markdown, as HTML that no script can come in by."""

from inspect import cleandoc
from typing import Any

_SCHEMES = {"http", "https", "mailto"}


def doc_of(app: Any) -> str:
    """Return the Markdown of a service: its `doc_md`, else its class's `DOC_MD`, else its class's docstring."""
    text = getattr(app, "doc_md", None) or getattr(app, "DOC_MD", None) or vars(type(app)).get("__doc__") or ""
    return cleandoc(text)


def to_html(text: str) -> str:
    """Render Markdown (https://spec.commonmark.org, with tables and strikethrough).

    HTML in it stays, without scripts, styles, forms, frames, and links of other schemes than the web's.

    Example:
        >>> to_html("A *shop*.<script>alert()</script>")
        '<p>A <em>shop</em>.</p>\\n'
    """
    import nh3
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return nh3.clean(markdown.render(text), url_schemes=_SCHEMES)
