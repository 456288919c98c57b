"""The documentation of a service, rendered and sanitised."""

import pytest

from coworks_async import TechMicroService
from coworks_async.blueprints.admin.markdown import doc_of, to_html


class Plain(TechMicroService):
    pass


class Told(TechMicroService):
    """The docstring."""


class Written(Told):
    """The docstring of the subclass."""

    DOC_MD = """
    # Title

    Text.
    """


def test_the_instances_text_goes_before_the_classes_and_that_before_the_docstring():
    app = Written()
    assert doc_of(app) == "# Title\n\nText."
    app.doc_md = "Mine."  # type: ignore[attr-defined]
    assert doc_of(app) == "Mine."
    assert doc_of(Told()) == "The docstring."
    assert doc_of(Plain()) == ""


def test_markdown_becomes_html():
    assert to_html("# A\n\n*b* ~~c~~ [d](https://example.com)") == (
        '<h1>A</h1>\n<p><em>b</em> <s>c</s> <a href="https://example.com" rel="noopener noreferrer">d</a></p>\n'
    )
    assert "<td>1</td>" in to_html("| a |\n|---|\n| 1 |")


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
def test_nothing_active_gets_through(text: str):
    html = to_html(f"before\n\n{text}\n\nafter")
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
