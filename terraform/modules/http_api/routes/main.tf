# The API with all its routes. It names the function as text, so it can be created first.

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

locals {
  function_name = var.function_qualifier == "" ? var.function_name : "${var.function_name}:${var.function_qualifier}"
  region        = data.aws_region.current.id
  partition     = split(":", data.aws_caller_identity.current.arn)[1]
  function_arn  = "arn:${local.partition}:lambda:${local.region}:${data.aws_caller_identity.current.account_id}:function:${local.function_name}"
  function_uri  = "arn:${local.partition}:apigateway:${local.region}:lambda:path/2015-03-31/functions/${local.function_arn}/invocations"

  # The key of `GET /items/{id}` is `GET /items/{}`: renaming a parameter is then an update, not a new route.
  routes = {
    for route in var.routes : route.path == "$default" ? "$default" : "${route.method} ${replace(route.path, "/\\{\\w+/", "{")}" => {
      key        = route.path == "$default" ? "$default" : "${route.method} ${route.path}"
      authorized = route.authorized
    }
  }

  has_authorizer = anytrue([for route in var.routes : route.authorized])
}

# Without CORS configuration, which would replace the service's own CORS headers.
resource "aws_apigatewayv2_api" "this" {
  name          = var.name
  protocol_type = "HTTP"
  tags          = var.tags

  disable_execute_api_endpoint = var.disable_execute_api_endpoint

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_apigatewayv2_integration" "function" {
  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  integration_uri        = local.function_arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_authorizer" "token" {
  count = local.has_authorizer ? 1 : 0

  api_id                            = aws_apigatewayv2_api.this.id
  name                              = var.name
  authorizer_type                   = "REQUEST"
  authorizer_uri                    = local.function_uri
  authorizer_payload_format_version = "2.0"
  enable_simple_responses           = true
  identity_sources                  = ["$request.header.${var.token_header}"]
  authorizer_result_ttl_in_seconds  = var.authorizer_ttl

  lifecycle {
    # An emulator returns an empty block.
    ignore_changes = [jwt_configuration]
  }
}

resource "aws_apigatewayv2_route" "this" {
  # checkov:skip=CKV_AWS_309: Entries with no_auth, mounts and preflights are open by design; the service authorizes the others itself too.

  for_each = local.routes

  api_id             = aws_apigatewayv2_api.this.id
  route_key          = each.value.key
  target             = "integrations/${aws_apigatewayv2_integration.function.id}"
  authorization_type = each.value.authorized ? "CUSTOM" : "NONE"
  authorizer_id      = each.value.authorized ? aws_apigatewayv2_authorizer.token[0].id : null
}
