"""Expressions, and text that looks like one."""

from coworks_async.deploy.terraform.tf_json import Expression, Template, rendered


def test_text_that_looks_like_an_expression_is_only_text():
    assert rendered({"a": ["${x}", "%{if x}", "$x %x"]}) == {"a": ["$${x}", "%%{if x}", "$x %x"]}


def test_expressions_stand_in_braces_and_templates_hold_both():
    assert rendered((Expression("local.x"),)) == ["${local.x}"]
    assert rendered(Template(("arn:", Expression("local.x"), ":${y}"))) == "arn:${local.x}:$${y}"


def test_other_values_stay():
    assert rendered({"a": True, "b": 3, "c": None}) == {"a": True, "b": 3, "c": None}
