"""Docstrings of the usual styles describe an entry, its parameters and its response."""

import pytest

from tests.openapi.services import JSON, describe_entry

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
GOOGLE_PARAMETERS = """Find pens.

    Only those on shelves.

    Parameters:
        shelf: where they are
        colour: what they
            look like

    Returns:
        the pens
    """


@pytest.mark.parametrize(
    "doc", [REST, GOOGLE, NUMPY, GOOGLE_PARAMETERS], ids=["rest", "google", "numpy", "google-parameters"]
)
def test_a_docstring_describes_the_entry_its_parameters_and_its_response(doc: str):
    async def get_pens(self, shelf: int, colour: str = "red") -> list[str]:
        return [colour]

    get_pens.__doc__ = doc
    operation = describe_entry("get_pens", get_pens)
    assert (operation["summary"], operation["description"]) == ("Find pens.", "Only those on shelves.")
    descriptions = {parameter["name"]: parameter["description"] for parameter in operation["parameters"]}
    assert descriptions == {"shelf": "where they are", "colour": "what they\nlook like"}
    assert operation["responses"]["200"]["description"] == "the pens"


def test_stars_are_ignored_and_a_line_can_describe_several_parameters():
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

    operation = describe_entry("get", get)
    assert {parameter["name"]: parameter["description"] for parameter in operation["parameters"]} == {
        "path": "where it is The rest of the path: zero or more segments.",
        "width": "of the frame",
        "height": "of the frame",
        "others": "whatever else",
    }


def test_text_that_resembles_a_field_is_kept():
    async def get(self):
        """Remark: hello

        :param: broken
        """
        return ""

    assert describe_entry("get", get)["summary"] == "Remark: hello"


def test_a_named_parameter_is_described_in_the_schema_of_the_body():
    async def post(self, colour: str = "red"):
        """Make a pen.

        :param colour: what it looks like
        """
        return colour

    operation = describe_entry("post", post)
    schema = operation["requestBody"]["content"][JSON]["schema"]["oneOf"][0]
    assert schema["properties"]["colour"]["description"] == "what it looks like"
