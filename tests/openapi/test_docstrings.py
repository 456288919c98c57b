"""Docstrings in all the usual styles tell of an entry and of its parameters."""

import pytest

from coworks_async import TechMicroService, entry
from tests.openapi.judging import operation_of

REST = """Find pens.

    Only those on shelves.

    :param shelf: where they are
    :param colour: what they
        look like
    :returns: the pens
    """
GOOGLE = """Find pens.

    Only those on shelves.

    Args:
        shelf: where they are
        colour (str): what they
            look like

    Returns:
        the pens
    """
NUMPY = """Find pens.

    Only those on shelves.

    Parameters
    ----------
    shelf : int
        where they are
    colour : str, optional
        what they
        look like

    Returns
    -------
    list
        the pens
    """
OURS = """Find pens.

    Only those on shelves.

    Parameters:
        shelf: where they are
        colour: what they
            look like

    Returns:
        the pens
    """


@pytest.mark.parametrize("doc", [REST, GOOGLE, NUMPY, OURS], ids=["rest", "google", "numpy", "ours"])
def test_a_docstring_tells_of_the_entry_its_parameters_and_its_answer(doc: str):
    async def get_pens(self, shelf: int, colour: str = "red") -> list[str]:
        return [colour]

    get_pens.__doc__ = doc
    service = type("Shop", (TechMicroService,), {"get_pens": entry(no_auth=True)(get_pens)})()
    operation = operation_of(service)
    assert (operation["summary"], operation["description"]) == ("Find pens.", "Only those on shelves.")
    told = {parameter["name"]: parameter["description"] for parameter in operation["parameters"]}
    assert told == {"shelf": "where they are", "colour": "what they\nlook like"}
    assert operation["responses"]["200"]["description"] == "the pens"


def test_stars_and_several_names_of_one_line_are_read():
    class Files(TechMicroService):
        @entry
        async def get(self, *path: str, width: int = 1, height: int = 1, **others: str):
            """Find a picture.

            Parameters
            ----------
            *path
                where it is
            width, height : int
                of the frame
            **others
                whatever else
            """
            return ""

    told = {parameter["name"]: parameter["description"] for parameter in operation_of(Files())["parameters"]}
    assert told == {
        "path": "where it is The rest of the path: any number of segments, perhaps none.",
        "width": "of the frame",
        "height": "of the frame",
        "others": "whatever else",
    }


def test_what_only_looks_like_a_field_is_text():
    class Odd(TechMicroService):
        @entry
        async def get(self):
            """Say: hello

            :param: broken
            """
            return ""

    assert operation_of(Odd())["summary"] == "Say: hello"


def test_a_parameter_of_a_body_is_described_in_its_schema():
    class Shop(TechMicroService):
        @entry
        async def post(self, colour: str = "red"):
            """Make a pen.

            :param colour: what it looks like
            """
            return colour

    schema = operation_of(Shop())["requestBody"]["content"]["application/json"]["schema"]["oneOf"][0]
    assert schema["properties"]["colour"]["description"] == "what it looks like"
