"""The list of layers as an HTML page."""

from collections.abc import Sequence
from html import escape

from catalog import LayerVersion

PAGE = """\
<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>CoWorks layers</title>
  <style>
    body {{ font-family: system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }}
    table {{ border-collapse: collapse; width: 100% }}
    th, td {{ border-bottom: 1px solid #ccc; padding: .5rem; text-align: left }}
    code {{ overflow-wrap: anywhere }}
    td:last-child {{ white-space: nowrap }}
  </style>
</head>
<body>
  <h1>CoWorks layers</h1>
  <p>Pass the ARN of a layer to <code>cws deploy --layers ARN</code>.</p>
  <table>
    <thead><tr><th>ARN</th><th>Description</th><th>Python</th><th>Created</th></tr></thead>
    <tbody>
{rows}
    </tbody>
  </table>
</body>
</html>
"""

ROW = "      <tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>"


def render_page(versions: Sequence[LayerVersion]) -> str:
    """Return the page. A description is text that the publisher of the layer has written, so it is escaped."""
    return PAGE.format(rows="\n".join(map(render_row, versions)))


def render_row(version: LayerVersion) -> str:
    cells = (version.arn, version.description, ", ".join(version.runtimes), version.created[:10])
    return ROW.format(*map(escape, cells))
