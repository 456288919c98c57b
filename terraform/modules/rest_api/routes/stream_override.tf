# In an override file, because Terraform then ignores arguments that an old provider does not know.

resource "aws_api_gateway_integration" "this" {
  response_transfer_mode = var.stream ? "STREAM" : null
  timeout_milliseconds   = var.stream ? 900000 : null
}
