"""The examples in `docs/how-to/testing.md`."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "how-to/testing.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_pages_examples_run(number: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "samples" / "docs" / "tech"))
    names: dict[str, object] = {}
    exec(compile(EXAMPLES[number], f"docs/how-to/testing.md, example {number}", "exec"), names)  # noqa: S102
    test = names.get("test_a_value_is_stored")
    for via in (None, "rest", "http", "http-stage", "alb", "url") if number == 1 else ():
        test(via)  # type: ignore[operator]
    if number == 0:
        test()  # type: ignore[operator]
    sys.modules.pop("first", None)
