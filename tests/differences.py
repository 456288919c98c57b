"""The one list of what a gateway does otherwise, as `docs/lambda-differences.md` tells it.

Each is shown by a test of its own in `tests/testing/test_differences.py`. The contract tests in `tests` hold what
cannot be so behind that gateway: there they must fail, and the list is too long as soon as one does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

API = ("rest", "http", "http-stage")
HTTP = ("http", "http-stage")
EVENTS = (*API, "alb", "url")


@dataclass(frozen=True)
class Difference:
    """What differs, behind which gateways, and which tests of the contract show it.

    `tests` are names of functions, with the parameters where not all are concerned.
    """

    transports: tuple[str, ...]
    tests: tuple[str, ...]


DIFFERENCES: Mapping[str, Difference] = {
    "rest-no-such-route": Difference(
        ("rest",),
        (
            "test_errors.py::test_the_nearest_class_above_wins_and_a_status_wins_over_a_class",
            "test_errors.py::test_starlettes_exception_handlers_come_last_and_get_the_request",
            "test_errors.py::test_a_handler_returns_what_an_entry_may",
            "test_errors.py::test_a_handler_that_fails_is_a_500_and_logged",
            "test_fallback.py::test_allow_is_the_union_of_entries_and_plain_routes",
            "test_fallback.py::test_a_trailing_slash_is_accepted_by_plain_routes_too",
            "test_hooks.py::test_what_a_before_request_returns_answers_the_request",
            "test_hooks.py::test_an_after_request_may_change_the_response_or_return_another",
            "test_hooks_order.py::test_errors_run_all_the_hooks_too",
            "test_hooks_order.py::test_a_405_runs_the_apps_hooks",
            "test_problems.py::test_each_status_of_the_contract_is_a_problem",
            "test_routing.py::test_a_head_without_a_get_is_a_405",
            "test_routing.py::test_the_automatic_options_and_a_405_tell_what_is_allowed",
            "test_routing.py::test_the_automatic_options_asks_for_no_token",
            "test_routing.py::test_an_options_entry_answers_for_itself",
            "test_routing.py::test_an_unknown_method_is_a_405_where_the_path_is_known",
            "test_routing.py::test_a_prefix_never_shadows_another_route",
            "test_docs.py::test_the_page_is_true[answers]",
            "test_docs.py::test_the_page_is_true[entries.md]",
            "test_docs.py::test_the_page_is_true[hooks]",
            "test_docs.py::test_the_page_is_true[starlette]",
            "test_naming.py::test_a_name_without_a_verb_is_a_post",
            "test_table.py::test_each_method_has_its_own_best_route",
            "test_table.py::test_a_trailing_slash_is_accepted_without_a_redirect",
            "test_table.py::test_head_is_answered_by_get",
            "test_table.py::test_allow_is_the_union_over_entries_and_plain_routes",
            "test_table.py::test_an_unknown_path_is_a_404_problem_and_a_known_one_a_405",
            "test_service.py::test_everything_at_once_on_one_service",
        ),
    ),
    "rest-as-sent": Difference(("rest",), ()),
    "rest-content-type": Difference(
        ("rest",),
        (
            "test_problems.py::test_a_status_without_a_body_is_sent_without",
            "test_respond.py::test_none_is_a_204_without_body_type_or_length",
            "test_respond_told.py::test_none_with_a_status_has_an_empty_body_and_no_type",
            "test_respond_told.py::test_a_status_that_has_no_body_is_sent_without",
        ),
    ),
    "rest-query": Difference(("rest",), ("test_query.py::test_what_is_no_utf_8_is_a_400",)),
    "rest-repeated-token": Difference(
        ("rest",), ("test_authorizer.py::test_a_repeated_header_is_one_token_and_not_one_of_the_two",)
    ),
    "http-refusals": Difference(
        HTTP,
        (
            "test_authorizer.py::test_no_token_is_a_401_with_a_challenge",
            "test_authorizer.py::test_a_name_that_no_header_can_hold_is_still_a_challenge",
            "test_authorizer.py::test_a_refused_token_is_a_403",
            "test_authorizer.py::test_anything_else_lets_nobody_in_and_is_an_error_in_the_log",
            "test_authorizer_rule.py::test_a_rule_that_fails_is_a_500_and_lets_nobody_in",
            "test_authorizer_rule.py::test_a_rule_that_fails_is_logged_once_with_its_place_and_without_the_token",
            "test_authorizer_rule.py::test_a_principal_over_4_kb_or_without_json_is_a_500_everywhere",
            "test_authorizer_rule.py::test_what_the_rule_raises_for_request_is_a_500_that_the_log_names",
            "test_cors.py::test_the_headers_are_on_every_answer_of_an_entry_that_is_open",
            "test_problems.py::test_each_status_of_the_contract_is_a_problem",
            "test_service.py::test_the_first_example_answers_as_the_quickstart_says",
        ),
    ),
    "refused-outside": Difference(
        API,
        (
            "test_authorizer_alone.py::test_it_is_replaced_by_authorizer_middleware",
            "test_starlette.py::test_pure_asgi_middleware_wraps_every_answer",
            "test_starlette.py::test_starlettes_cors_middleware_covers_the_whole_service",
        ),
    ),
    "cached-verdict": Difference(API, ("test_authorizer.py::test_a_string_lets_in_on_the_stage_of_this_name_alone",)),
    "url-challenge": Difference(
        ("url",),
        (
            "test_authorizer.py::test_no_token_is_a_401_with_a_challenge",
            "test_authorizer.py::test_a_name_that_no_header_can_hold_is_still_a_challenge",
            "test_service.py::test_the_first_example_answers_as_the_quickstart_says",
        ),
    ),
    "joined-headers": Difference(
        (*HTTP, "url"),
        (
            "test_starlette.py::test_pure_asgi_middleware_wraps_every_answer",
            "test_starlette.py::test_add_middleware_puts_the_last_one_outermost",
        ),
    ),
    "http-question-mark": Difference(HTTP, ("test_urls.py::test_a_url_leads_back_to_the_entry_with_the_same_values",)),
    "http-path": Difference(HTTP, ("test_pipeline.py::test_a_path_that_is_no_utf_8_is_refused",)),
    "hop-by-hop": Difference(EVENTS, ("test_errors.py::test_a_413_closes_the_connection_whose_body_is_unread",)),
    "sizes": Difference(
        EVENTS,
        (
            "test_limits.py::test_the_limit_is_six_megabytes_unless_told_otherwise",
            "test_request.py::test_what_an_entry_reads_for_itself_is_limited",
            "test_service.py::test_the_body_is_limited_to_what_lambda_takes_unless_told_otherwise",
        ),
    ),
    "alb-sizes": Difference(("alb",), ("test_forms.py::test_a_large_file_and_a_large_field_come_whole",)),
    "broken-off": Difference(EVENTS, ()),
    "in-lambda": Difference(EVENTS, ("test_request.py::test_it_knows_the_stage_and_that_no_lambda_is_there",)),
}


def difference(nodeid: str, transport: str) -> str | None:
    """Return the name of the difference that a test of the contract shows over a transport, if any."""
    place, _, parameters = nodeid.partition("[")
    name = place.rpartition("/")[2]
    rest = parameters.removesuffix("]").removeprefix(transport).removeprefix("-")
    for key, known in DIFFERENCES.items():
        if transport in known.transports and {name, f"{name}[{rest}]"} & set(known.tests):
            return key
    return None


def mark_difference(request: pytest.FixtureRequest, transport: str) -> None:
    """Expect a test to fail where its transport is known to differ."""
    key = difference(request.node.nodeid, transport)
    if key is not None:
        request.applymarker(pytest.mark.xfail(strict=True, reason=f"docs/lambda-differences.md: {key}"))
