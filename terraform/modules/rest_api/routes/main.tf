# Everything that a deployment is a snapshot of. It names the function as text, so it can be created first.

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

locals {
  function_name = var.function_qualifier == "" ? var.function_name : "${var.function_name}:${var.function_qualifier}"
  region        = data.aws_region.current.id
  partition     = split(":", data.aws_caller_identity.current.arn)[1]
  function_arn  = "arn:${local.partition}:lambda:${local.region}:${data.aws_caller_identity.current.account_id}:function:${local.function_name}"
  lambda_uri    = "arn:${local.partition}:apigateway:${local.region}:lambda:path"
  function_uri  = "${local.lambda_uri}/2015-03-31/functions/${local.function_arn}/invocations"
  stream_uri    = "${local.lambda_uri}/2021-11-15/functions/${local.function_arn}/response-streaming-invocations"

  # The key of `/items/{id}` is `/items/{}`: renaming a parameter is then an update, not a new resource.
  methods = {
    for route in var.routes : "${route.method} ${replace(route.path, "/\\{\\w+/", "{")}" => {
      method     = route.method
      authorized = route.authorized
      resource   = join("/", compact(split("/", replace(route.path, "/\\{\\w+/", "{"))))
    }
  }

  # Each prefix of each path, with the same keys.
  resources = {
    for resource in distinct(flatten([
      for parts in [for route in var.routes : compact(split("/", route.path))] : [
        for number, part in parts : {
          key    = replace(join("/", slice(parts, 0, number + 1)), "/\\{\\w+/", "{")
          parent = replace(join("/", slice(parts, 0, number)), "/\\{\\w+/", "{")
          part   = part
          depth  = number + 1
        }
      ]
    ])) : resource.key => resource
  }

  resource_ids = merge(
    { "" = aws_api_gateway_rest_api.this.root_resource_id },
    { for key, resource in aws_api_gateway_resource.d1 : key => resource.id },
    { for key, resource in aws_api_gateway_resource.d2 : key => resource.id },
    { for key, resource in aws_api_gateway_resource.d3 : key => resource.id },
    { for key, resource in aws_api_gateway_resource.d4 : key => resource.id },
    { for key, resource in aws_api_gateway_resource.d5 : key => resource.id },
    { for key, resource in aws_api_gateway_resource.d6 : key => resource.id },
    { for key, resource in aws_api_gateway_resource.d7 : key => resource.id },
    { for key, resource in aws_api_gateway_resource.d8 : key => resource.id },
  )

  has_authorizer = anytrue([for route in var.routes : route.authorized])
}

resource "aws_api_gateway_rest_api" "this" {
  name               = var.name
  binary_media_types = var.binary_media_types
  policy             = var.endpoint_type == "PRIVATE" ? local.private_policy : null
  tags               = var.tags

  disable_execute_api_endpoint = var.disable_execute_api_endpoint

  endpoint_configuration {
    types            = [var.endpoint_type]
    vpc_endpoint_ids = var.endpoint_type == "PRIVATE" ? var.vpc_endpoint_ids : null
  }

  lifecycle {
    create_before_destroy = true
  }
}

locals {
  private_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = "*"
      Action    = "execute-api:Invoke"
      Resource  = "arn:${local.partition}:execute-api:${local.region}:${data.aws_caller_identity.current.account_id}:*"
      Condition = { StringEquals = { "aws:SourceVpce" = var.vpc_endpoint_ids } }
    }]
  })
}

resource "aws_api_gateway_method" "this" {
  # checkov:skip=CKV_AWS_59: Entries with no_auth, mounts and preflights are open by design; the service authorizes the others itself too.
  # checkov:skip=CKV2_AWS_53: The service validates requests, the same way everywhere.

  for_each = local.methods

  rest_api_id   = aws_api_gateway_rest_api.this.id
  resource_id   = local.resource_ids[each.value.resource]
  http_method   = each.value.method
  authorization = each.value.authorized ? "CUSTOM" : "NONE"
  authorizer_id = each.value.authorized ? aws_api_gateway_authorizer.token[0].id : null
}

resource "aws_api_gateway_integration" "this" {
  for_each = local.methods

  rest_api_id             = aws_api_gateway_rest_api.this.id
  resource_id             = aws_api_gateway_method.this[each.key].resource_id
  http_method             = aws_api_gateway_method.this[each.key].http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = var.stream ? local.stream_uri : local.function_uri
}

resource "aws_api_gateway_authorizer" "token" {
  count = local.has_authorizer ? 1 : 0

  name                             = var.name
  rest_api_id                      = aws_api_gateway_rest_api.this.id
  type                             = "TOKEN"
  authorizer_uri                   = local.function_uri
  identity_source                  = "method.request.header.${var.token_header}"
  authorizer_result_ttl_in_seconds = var.authorizer_ttl
}

resource "aws_api_gateway_gateway_response" "this" {
  for_each = { for response in var.gateway_responses : response.type => response }

  rest_api_id         = aws_api_gateway_rest_api.this.id
  response_type       = each.key
  status_code         = each.value.status == "" ? null : each.value.status
  response_parameters = { for name, value in each.value.headers : "gatewayresponse.header.${name}" => "'${value}'" }

  # API Gateway uses only this template; a Content-Type among the headers overrides that of the response.
  response_templates = { "application/json" = each.value.body }
}
