"""Text and templates in Terraform's JSON syntax."""

from coworks_async.deploy.terraform.tf_json import Template, render


def test_text_that_looks_like_an_expression_is_escaped():
    assert render({"a": ["${x}", "%{if x}", "$x %x"]}) == {"a": ["$${x}", "%%{if x}", "$x %x"]}


def test_templates_are_unchanged():
    assert render((Template("${local.x}"),)) == ["${local.x}"]
    assert render(Template(["arn:${local.x}:$${y}"])) == ["arn:${local.x}:$${y}"]


def test_other_values_are_unchanged():
    assert render({"a": True, "b": 3, "c": None}) == {"a": True, "b": 3, "c": None}
