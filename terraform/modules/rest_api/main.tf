# Apply in two steps, first with `-target` the module `routes`, then the rest: a deployment is a snapshot, and Terraform
# creates the new one before it destroys removed routes.

module "routes" {
  source = "./routes"

  name               = var.name
  function_name      = var.function_name
  function_qualifier = var.function_qualifier
  routes             = var.routes
  token_header       = var.token_header
  authorizer_ttl     = var.authorizer_ttl
  gateway_responses  = var.gateway_responses
  binary_media_types = var.binary_media_types
  endpoint_type      = var.endpoint_type
  stream             = var.stream
  vpc_endpoint_ids   = var.vpc_endpoint_ids
  tags               = var.tags

  disable_execute_api_endpoint = var.disable_execute_api_endpoint
}

locals {
  is_throttled = var.throttling_rate_limit >= 0 || var.throttling_burst_limit >= 0

  # If only one is set, the other is the quota of a new account.
  # https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
  rate_limit  = var.throttling_rate_limit >= 0 ? var.throttling_rate_limit : 10000
  burst_limit = var.throttling_burst_limit >= 0 ? var.throttling_burst_limit : 5000

  source_ip = { for name, value in { sourceIp = "$context.identity.sourceIp" } : name => value if var.log_source_ip }

  # Inputs only: a hash of resource attributes would change with each deployment, and so redeploy forever.
  snapshot = sha256(jsonencode([
    var.function_name,
    var.function_qualifier,
    sort([for route in var.routes : jsonencode(route)]),
    var.token_header,
    var.authorizer_ttl,
    sort([for response in var.gateway_responses : jsonencode(response)]),
    sort(var.binary_media_types),
    var.endpoint_type,
    var.stream,
    sort(var.vpc_endpoint_ids),
    var.disable_execute_api_endpoint,
    [for file in sort(fileset(path.module, "routes/*.tf")) : filesha256("${path.module}/${file}")],
  ]))
}

resource "aws_api_gateway_deployment" "this" {
  rest_api_id = module.routes.id
  triggers    = { snapshot = local.snapshot }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [module.routes]
}

resource "aws_api_gateway_stage" "this" {
  # checkov:skip=CKV_AWS_76: The access log is on by default, but a plan does not know the ARN of its group yet.
  # checkov:skip=CKV_AWS_120: A cache is billed by the hour and would respond instead of the service.
  # checkov:skip=CKV2_AWS_4: An execution log contains headers and bodies; the access log has status, latency and error.
  # checkov:skip=CKV2_AWS_51: A client certificate is for HTTP backends; IAM protects the function.

  rest_api_id          = module.routes.id
  stage_name           = var.stage_name
  deployment_id        = aws_api_gateway_deployment.this.id
  xray_tracing_enabled = var.xray_tracing
  tags                 = var.tags

  dynamic "access_log_settings" {
    for_each = aws_cloudwatch_log_group.access

    content {
      destination_arn = access_log_settings.value.arn
      # No header and no actual path: they may contain tokens and personal data. The address is optional.
      format = jsonencode(merge(local.source_ip, {
        requestId            = "$context.requestId"
        extendedRequestId    = "$context.extendedRequestId"
        requestTime          = "$context.requestTime"
        method               = "$context.httpMethod"
        route                = "$context.resourcePath"
        status               = "$context.status"
        errorType            = "$context.error.responseType"
        responseLength       = "$context.responseLength"
        responseLatency      = "$context.responseLatency"
        integrationStatus    = "$context.integration.status"
        integrationLatency   = "$context.integration.latency"
        integrationError     = "$context.integration.error"
        integrationRequestId = "$context.integration.requestId"
        authorizerStatus     = "$context.authorizer.status"
        authorizerLatency    = "$context.authorizer.latency"
        authorizerError      = "$context.authorizer.error"
        authorizerRequestId  = "$context.authorizer.requestId"
      }))
    }
  }
}

resource "aws_api_gateway_method_settings" "all" {
  # checkov:skip=CKV_AWS_225: A cache is billed by the hour and would respond instead of the service.

  count = local.is_throttled ? 1 : 0

  rest_api_id = module.routes.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  method_path = "*/*"

  settings {
    throttling_rate_limit  = local.rate_limit
    throttling_burst_limit = local.burst_limit
  }
}

resource "aws_cloudwatch_log_group" "access" {
  # checkov:skip=CKV_AWS_158: CloudWatch encrypts each group; a key is billed by the month. Set kms_key_arn.
  # checkov:skip=CKV_AWS_338: Logs contain personal data, so they are not kept longer than needed. Set log_retention_days.

  count = var.access_logs ? 1 : 0

  name              = "/aws/apigateway/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn == "" ? null : var.kms_key_arn
  tags              = var.tags
}

resource "aws_wafv2_web_acl_association" "this" {
  count = var.web_acl_arn == "" ? 0 : 1

  resource_arn = aws_api_gateway_stage.this.arn
  web_acl_arn  = var.web_acl_arn
}

resource "aws_lambda_permission" "invoke" {
  statement_id  = "${var.stage_name}-invoke"
  function_name = var.function_arn == "" ? var.function_name : var.function_arn
  qualifier     = var.function_qualifier == "" ? null : var.function_qualifier
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${module.routes.execution_arn}/${var.stage_name}/*"
}

resource "aws_lambda_permission" "authorize" {
  count = module.routes.has_authorizer ? 1 : 0

  statement_id  = "${var.stage_name}-authorize"
  function_name = var.function_arn == "" ? var.function_name : var.function_arn
  qualifier     = var.function_qualifier == "" ? null : var.function_qualifier
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${module.routes.execution_arn}/authorizers/${module.routes.authorizer_id}"
}
