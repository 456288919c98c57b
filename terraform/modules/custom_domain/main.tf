# Version 2 resources map REST APIs as well as HTTP APIs, and allow base paths of several segments for both.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-mappings.html

resource "aws_apigatewayv2_domain_name" "this" {
  domain_name = var.domain_name
  tags        = var.tags

  # Base paths of several segments require these.
  domain_name_configuration {
    certificate_arn = var.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "this" {
  api_id          = var.api_id
  stage           = var.stage_name
  domain_name     = aws_apigatewayv2_domain_name.this.id
  api_mapping_key = var.base_path == "" ? null : var.base_path
}
