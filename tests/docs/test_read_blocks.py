"""Reading the blocks of a page."""

from pathlib import Path

from tests.docs import pages


def test_each_exempted_block_has_its_own_reason(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- not run: it needs Flask -->\n```python\nimport flask\n```\n\n"
        "```python\nimport starlette\n```\n\n"
        "<!-- not run: it needs\nan account -->\n```console\n$ cws deploy\n```\n"
    )
    assert [block.exemption for block in pages.read_blocks(page)] == ["it needs Flask", "", "it needs\nan account"]
