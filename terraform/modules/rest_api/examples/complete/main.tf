provider "aws" {
  region = var.region

  default_tags {
    tags = { example = "complete" }
  }
}

module "api" {
  source = "../.."

  name          = var.name
  stage_name    = "dev"
  function_name = var.name
  function_arn  = aws_lambda_function.handler.arn

  routes = [
    { method = "GET", path = "/", authorized = false },
    { method = "GET", path = "/items/{id}", authorized = true },
    { method = "OPTIONS", path = "/items/{id}", authorized = false },
    { method = "ANY", path = "/static/{proxy+}", authorized = false },
  ]

  gateway_responses = [
    {
      type    = "UNAUTHORIZED"
      status  = "401"
      headers = { "Content-Type" = "application/problem+json", "WWW-Authenticate" = "Token" }
      body    = jsonencode({ type = "about:blank", title = "Unauthorized", status = 401 })
    },
    {
      type    = "MISSING_AUTHENTICATION_TOKEN"
      status  = "404"
      headers = { "Content-Type" = "application/problem+json" }
      body    = jsonencode({ type = "about:blank", title = "Not Found", status = 404 })
    },
  ]

  xray_tracing           = true
  authorizer_ttl         = 60
  throttling_rate_limit  = 50
  throttling_burst_limit = 20
  access_logs            = var.access_logs
  log_retention_days     = 14
}

resource "aws_lambda_function" "handler" {
  # checkov:skip=CKV_AWS_50: An example; X-Ray is billed per request.
  # checkov:skip=CKV_AWS_116: An example without asynchronous calls.
  # checkov:skip=CKV_AWS_117: An example that reaches nothing in a VPC.
  # checkov:skip=CKV_AWS_272: An example; code signing requires a signing profile in the account.

  function_name = var.name
  role          = aws_iam_role.handler.arn
  handler       = "handler.lambda_handler"
  runtime       = "python3.13"
  architectures = ["arm64"]
  s3_bucket     = var.bucket
  s3_key        = var.key

  depends_on = [aws_cloudwatch_log_group.handler]
}

resource "aws_cloudwatch_log_group" "handler" {
  # checkov:skip=CKV_AWS_158: An example; a key is billed by the month.
  # checkov:skip=CKV_AWS_338: An example.

  name              = "/aws/lambda/${var.name}"
  retention_in_days = 14
}

resource "aws_iam_role" "handler" {
  name = var.name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "handler" {
  name = "logs"
  role = aws_iam_role.handler.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "${aws_cloudwatch_log_group.handler.arn}:*"
    }]
  })
}
