module "routes" {
  source = "./routes"

  name               = var.name
  function_name      = var.function_name
  function_qualifier = var.function_qualifier
  routes             = var.routes
  token_header       = var.token_header
  authorizer_ttl     = var.authorizer_ttl
  tags               = var.tags

  disable_execute_api_endpoint = var.disable_execute_api_endpoint
}

locals {
  is_throttled = var.throttling_rate_limit >= 0 || var.throttling_burst_limit >= 0

  # If only one is set, the other is the quota of a new account: without a value it would be 0 and reject everything.
  # https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
  rate_limit  = var.throttling_rate_limit >= 0 ? var.throttling_rate_limit : 10000
  burst_limit = var.throttling_burst_limit >= 0 ? var.throttling_burst_limit : 5000

  source_ip = { for name, value in { sourceIp = "$context.identity.sourceIp" } : name => value if var.log_source_ip }
}

resource "aws_apigatewayv2_stage" "this" {
  # checkov:skip=CKV_AWS_76: The access log is on by default, but a plan does not know the ARN of its group yet.

  api_id      = module.routes.id
  name        = var.stage_name
  auto_deploy = true
  tags        = var.tags

  dynamic "access_log_settings" {
    for_each = aws_cloudwatch_log_group.access

    content {
      destination_arn = access_log_settings.value.arn
      # No header and no actual path: they may contain tokens and personal data. The address is optional.
      format = jsonencode(merge(local.source_ip, {
        requestId            = "$context.requestId"
        requestTime          = "$context.requestTime"
        method               = "$context.httpMethod"
        route                = "$context.routeKey"
        status               = "$context.status"
        errorType            = "$context.error.responseType"
        responseLength       = "$context.responseLength"
        responseLatency      = "$context.responseLatency"
        integrationStatus    = "$context.integration.status"
        integrationLatency   = "$context.integration.latency"
        integrationError     = "$context.integration.error"
        integrationRequestId = "$context.integration.requestId"
        authorizerError      = "$context.authorizer.error"
      }))
    }
  }

  dynamic "default_route_settings" {
    for_each = local.is_throttled ? ["*"] : []

    content {
      throttling_rate_limit  = local.rate_limit
      throttling_burst_limit = local.burst_limit
    }
  }

  # So that the first deployment contains every route.
  depends_on = [module.routes]
}

resource "aws_cloudwatch_log_group" "access" {
  # checkov:skip=CKV_AWS_158: CloudWatch encrypts each group; a key is billed by the month. Set kms_key_arn.
  # checkov:skip=CKV_AWS_338: Logs contain personal data, so they are not kept longer than needed. Set log_retention_days.

  count = var.access_logs ? 1 : 0

  # With this prefix the size of the account's resource policy does not grow with each log group.
  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html
  name              = "/aws/vendedlogs/apigateway/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn == "" ? null : var.kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_permission" "invoke" {
  statement_id  = "${trimprefix(var.stage_name, "$")}-invoke"
  function_name = var.function_arn == "" ? var.function_name : var.function_arn
  qualifier     = var.function_qualifier == "" ? null : var.function_qualifier
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${module.routes.execution_arn}/${var.stage_name}/*"
}

resource "aws_lambda_permission" "authorize" {
  count = module.routes.has_authorizer ? 1 : 0

  statement_id  = "${trimprefix(var.stage_name, "$")}-authorize"
  function_name = var.function_arn == "" ? var.function_name : var.function_arn
  qualifier     = var.function_qualifier == "" ? null : var.function_qualifier
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${module.routes.execution_arn}/authorizers/${module.routes.authorizer_id}"
}
