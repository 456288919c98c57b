"""Expressions are rendered; text that looks like one is escaped."""

from coworks_async.deploy.terraform.tf_json import Expression, TemplateString, render


def test_text_that_looks_like_an_expression_is_escaped():
    assert render({"a": ["${x}", "%{if x}", "$x %x"]}) == {"a": ["$${x}", "%%{if x}", "$x %x"]}


def test_expressions_are_rendered_in_braces():
    assert render((Expression("local.x"),)) == ["${local.x}"]
    assert render(TemplateString(("arn:", Expression("local.x"), ":${y}"))) == "arn:${local.x}:$${y}"


def test_other_values_are_unchanged():
    assert render({"a": True, "b": 3, "c": None}) == {"a": True, "b": 3, "c": None}
