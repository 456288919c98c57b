"""The documentation of a service is rendered as sanitized HTML."""

import pytest

from coworks_async import TechMicroService
from coworks_async.blueprints.admin.blueprint import get_documentation, render_markdown


class Plain(TechMicroService):
    pass


class WithDocstring(TechMicroService):
    """The docstring."""


class WithMarkdown(WithDocstring):
    """The docstring of the subclass."""

    DOC_MD = """
    # Title

    Text.
    """


def test_doc_md_of_the_instance_precedes_doc_md_of_the_class_and_its_docstring():
    app = WithMarkdown()
    assert get_documentation(app) == "# Title\n\nText."
    app.doc_md = "Mine."  # type: ignore[attr-defined]
    assert get_documentation(app) == "Mine."
    assert get_documentation(WithDocstring()) == "The docstring."
    assert get_documentation(Plain()) == ""


def test_markdown_is_rendered_as_html():
    assert render_markdown("# A\n\n*b* ~~c~~ [d](https://example.com)") == (
        '<h1>A</h1>\n<p><em>b</em> <s>c</s> <a href="https://example.com" rel="noopener noreferrer">d</a></p>\n'
    )
    assert "<td>1</td>" in render_markdown("| a |\n|---|\n| 1 |")


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[a](javascript:alert(1))",
        '<a href="JaVaScRiPt:alert(1)">a</a>',
        "![a](data:text/html;base64,PHNjcmlwdD4=)",
        '<p style="position:fixed">a</p>',
        '<iframe src="https://example.com"></iframe>',
        '<form action="https://example.com"><input name="token"></form>',
        '<svg><use href="data:image/svg+xml,x"/></svg>',
        "<base href='https://example.com'>",
        "<meta http-equiv='refresh' content='0; url=https://example.com'>",
    ],
)
def test_active_content_is_removed(text: str):
    html = render_markdown(f"before\n\n{text}\n\nafter")
    assert html.startswith("<p>before</p>")
    assert html.endswith("<p>after</p>\n")
    for part in (
        "<script",
        "<img src=x onerror",
        '="javascript',
        '="data:',
        "<p style=",
        "<iframe",
        "<form",
        "<input",
        "<svg",
    ):
        assert part not in html.lower()
    assert "<base" not in html
    assert "<meta" not in html
