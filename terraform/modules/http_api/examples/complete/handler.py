"""A function behind the gateway, for requests and for the authorizer."""

import json


def lambda_handler(event, context):
    if event.get("type") == "TOKEN":  # a REST API's authorizer
        return policy(event["methodArn"]) if event["authorizationToken"] == "token" else deny(event["methodArn"])
    if event.get("type") == "REQUEST":  # an HTTP API's
        return {"isAuthorized": event["identitySource"] == ["token"]}
    parameters = event.get("pathParameters") or {}
    body = json.dumps({"id": parameters.get("id"), "by": context.function_name})
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": body}


def policy(method_arn, effect="Allow"):
    # For the whole stage: the gateway caches this result and uses it for the other routes too.
    stage = "/".join(method_arn.split("/")[:2])
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": f"{stage}/*"}
    return {"principalId": "user", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


def deny(method_arn):
    return policy(method_arn, "Deny")
