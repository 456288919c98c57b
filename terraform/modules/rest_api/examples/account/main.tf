# Allows every REST API of this account and region to write logs. Apply it once; destroying it stops all their logs.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html

variable "region" {
  description = "Region of the APIs that log."
  type        = string
  default     = "eu-west-1"
}

provider "aws" {
  region = var.region
}

resource "aws_api_gateway_account" "this" {
  cloudwatch_role_arn = aws_iam_role.logs.arn

  depends_on = [aws_iam_role_policy_attachment.logs]
}

resource "aws_iam_role" "logs" {
  name = "api-gateway-logs-${var.region}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "apigateway.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.logs.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}

output "role_arn" {
  description = "Role with which API Gateway writes logs."
  value       = aws_iam_role.logs.arn
}
