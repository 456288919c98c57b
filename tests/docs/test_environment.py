"""The reference of environment variables is complete: it lists what the code reads, and nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs.pages import DOCS, ROOT

PAGE = DOCS / "reference" / "environment.md"

MAPPINGS = re.compile(r"\b(environ|environment|variables)(\.keys\(\))?$")
"""The ends of the expressions whose items are environment variables."""

# Read by a library with a name from CoWorks, or named by a prefix.
INDIRECT = {"_CWS_COMPLETE"}

# Of the system; the page names it in a sentence.
SYSTEM = {"PATH"}


def list_variables(tree: ast.AST, constants: dict[str, str]) -> Iterator[str]:
    """Yield the names of the environment variables that a module reads."""
    for node in ast.walk(tree):
        keys: list[ast.expr] = []
        match node:
            case ast.Call(func=ast.Attribute(value=mapping, attr="get"), args=[key, *_]) if _is_environment(mapping):
                keys = [key]
            case ast.Subscript(value=mapping, slice=key, ctx=ast.Load()) if _is_environment(mapping):
                keys = [key]
            case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()], comparators=[mapping]) if _is_environment(mapping):
                keys = [key]
            case ast.BinOp(left=ast.Set(elts=elements), op=ast.BitAnd(), right=mapping) if _is_environment(mapping):
                keys = elements
            case ast.keyword(arg="envvar", value=value):
                keys = value.elts if isinstance(value, ast.List) else [value]
        for key in keys:
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value
            elif isinstance(key, ast.Name) and key.id in constants:
                yield constants[key.id]


def list_constants(tree: ast.Module) -> dict[str, str]:
    """Return the values of the module's constants that are strings, by name."""
    return {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def _is_environment(mapping: ast.expr) -> bool:
    return MAPPINGS.search(ast.unparse(mapping)) is not None


def read_code() -> set[str]:
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in sorted((ROOT / "coworks_async").rglob("*.py"))]
    constants = {name: value for tree in trees for name, value in list_constants(tree).items()}
    # Of constants with one name in several modules, that of the module itself.
    found = (name for tree in trees for name in list_variables(tree, constants | list_constants(tree)))
    return {name for name in found if name.isupper()}


def read_tables(page: Path) -> set[str]:
    """Return the variables in the first column of the page's tables."""
    rows = [line.split("|")[1] for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return {name for cell in rows for name in re.findall(r"`([A-Z_][A-Z0-9_]+)`", cell)}


def test_every_variable_that_the_code_reads_is_in_the_reference():
    assert read_code() - SYSTEM <= read_tables(PAGE)


def test_the_reference_lists_no_variable_that_the_code_does_not_read():
    assert read_tables(PAGE) <= read_code() | INDIRECT


def test_a_variable_is_found_in_each_form_in_which_code_reads_one(tmp_path: Path):
    code = (
        'NAME = "A"\n'
        "import os\n"
        'os.environ.get(NAME), os.environ["B"], "C" in os.environ, {"D", "E"} & os.environ.keys()\n'
        'option(envvar=["F", NAME]), option(envvar="G"), variables.get("H")\n'
        'os.environ["WRITTEN"] = "1"\n'
    )
    tree = ast.parse(code)
    assert set(list_variables(tree, list_constants(tree))) == set("ABCDEFGH")
