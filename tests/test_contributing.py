"""CONTRIBUTING.md and the other files for contributors: commands, layers and links."""

import re
from pathlib import Path

import pytest

from scripts.layers import FOLDER, THEMES, draw, read_lambda_modules, read_layers

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
PAGES = ("CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md")


def test_every_target_of_the_makefile_is_in_the_table_of_commands():
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert targets - {"help"} == set(re.findall(r"`(?:CWS_\w+=\S+ )?make ([a-z][a-z-]*)", CONTRIBUTING))


@pytest.mark.parametrize("theme", THEMES)
def test_the_picture_shows_the_layers_that_are_checked(theme: str):
    picture = (FOLDER / f"layers-{theme}.svg").read_text()
    assert picture == draw(THEMES[theme]), "Run scripts/layers.py."
    modules = [name for layer in read_layers() for name in layer]
    assert re.findall(r">([a-z_]+)</text>", picture) == modules


def test_all_layers_below_the_service_are_loaded_in_lambda():
    layers = read_layers()
    below = layers[layers.index(["service"]) :]
    assert all(read_lambda_modules().intersection(layer) for layer in below)
    assert {name for layer in below for name in layer} >= read_lambda_modules()


def test_the_picture_is_described_and_the_table_has_every_module():
    modules = [name for layer in read_layers() for name in layer]
    [description] = re.findall(r"^!\[([^\]]+)\]\(docs/img/layers-light\.svg\)$", CONTRIBUTING, re.MULTILINE)
    assert [word for word in re.findall(r"\w+", description) if word in modules] == modules
    table = CONTRIBUTING.partition("| package | content |")[2].partition("\n\n")[0]
    assert set(modules) <= set(re.findall(r"`(\w+)(?:/|\.py)`", table))


@pytest.mark.parametrize("name", PAGES)
def test_links_to_files_of_the_repository_exist(name: str):
    targets = re.findall(r"\]\(([^)#\s]+)", (ROOT / name).read_text())
    assert targets
    assert [target for target in targets if "://" not in target and not (ROOT / target).exists()] == []
