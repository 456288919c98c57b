"""Hooks of MkDocs: add the pages that are kept outside of `docs`, and mend links that leave it.

The README of a sample, the changelog or a benchmark is read on the site as well as in the repository, so it is written
once, where its subject is. See https://www.mkdocs.org/dev-guide/plugins/#events.
"""

import os
import re
import sys
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

# For the imports of `scripts`, here and by the page of the commands.
sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.plots import add_plots

ROOT = Path(__file__).parents[1]

PAGES = {
    "CHANGELOG.md": "reference/changelog.md",
    "CONTRIBUTING.md": "reference/contributing.md",
    "SECURITY.md": "reference/security-policy.md",
    "benchmarks/README.md": "reference/benchmarks.md",
    "benchmarks/AWS.md": "reference/benchmarks-aws.md",
    **{
        str(readme.relative_to(ROOT)): f"{folder}/{readme.parent.name}.md"
        for pattern, folder in (("samples/*", "samples"), ("terraform/modules/*", "reference/modules"))
        for readme in sorted(ROOT.glob(f"{pattern}/README.md"))
    },
    "README.md": "index.md",
}
"""The files of the repository that are pages of the site, by their path."""

_SOURCES = {page: source for source, page in PAGES.items() if source != "README.md"}

_CODE = re.compile(r"^(?: *)(`{3,}|~{3,}).*?^ *\1`*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_DOCSTRING_STYLES = re.compile(r'<link rel="stylesheet" href="[^"]*/_mkdocstrings\.css">\s*')
_INLINE_CODE = re.compile(r"(?<!<span></span>)<code>[^<]*</code>")
_OPTION = re.compile(r"(?<![\w-])--?\w[\w-]*")
_PICTURE = re.compile(r"^(!\[[^\]]*\]\(docs/img/[\w-]+-)light\.svg\)$", re.MULTILINE)
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


@event_priority(100)  # before the plugin that lists all pages in llms.txt
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are kept outside of the documentation's folder."""
    for page, source in _SOURCES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point the links of a page to pages of the site, and draw the numbers of benchmarks."""
    uri = page.file.src_uri
    if uri.startswith("reference/benchmarks"):
        markdown = add_plots(markdown)
    if uri in _SOURCES:
        markdown = add_dark_pictures(markdown)
    return convert_links(markdown, PurePosixPath(_SOURCES.get(uri, f"docs/{uri}")), PurePosixPath(uri))


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Mend what screen readers and narrow screens show wrongly.

    The empty corner of a table becomes an ordinary cell, because a heading without a text misleads screen readers. An
    option such as `--plan` stays on one line: browsers break lines after a hyphen.
    """
    html = re.sub(r"<th([^>]*)></th>", r"<td\1></td>", html)
    return _INLINE_CODE.sub(lambda code: _OPTION.sub(r'<span class="option">\g<0></span>', code[0]), html)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Run scripts after the page is shown, and load the styles of docstrings only where there are any."""
    output = output.replace("<script src=", "<script defer src=")
    return output if "doc-object" in output else _DOCSTRING_STYLES.sub("", output)


def add_dark_pictures(markdown: str) -> str:
    """Show the dark variant of a picture in the dark theme. A page that GitHub shows names the light one only."""
    return _PICTURE.sub(r"\1light.svg#only-light)\n\1dark.svg#only-dark)", markdown)


def convert_links(markdown: str, source: PurePosixPath, page: PurePosixPath) -> str:
    """Return the text of a page with its links relative to the site.

    Args:
        markdown: the text.
        source: the file in the repository, to which its links are relative.
        page: its place on the site.

    Returns:
        The text. A link to a file that is no page of the site becomes its text: the site has no address for it.
    """
    code = [match.span() for match in _CODE.finditer(markdown)]

    def convert(match: re.Match[str]) -> str:
        image, text, target = match.groups()
        path, mark, anchor = target.partition("#")
        if any(start <= match.start() < end for start, end in code) or not path or "://" in path:
            return match[0]
        file = os.path.normpath(source.parent / path)
        uri = PAGES.get(file) or PAGES.get(f"{file}/README.md")
        if uri is None and file.startswith("docs/"):
            uri = file.removeprefix("docs/")
        if uri is not None:
            return f"{image}[{text}]({os.path.relpath(uri, page.parent)}{mark}{anchor})"
        return text if (ROOT / file).exists() else match[0]

    return _LINK.sub(convert, markdown)
