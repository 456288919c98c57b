output "id" {
  description = "ID of the API."
  value       = aws_api_gateway_rest_api.this.id
}

output "arn" {
  description = "ARN of the API."
  value       = aws_api_gateway_rest_api.this.arn
}

output "execution_arn" {
  description = "Prefix of the ARNs of stages and methods."
  value       = aws_api_gateway_rest_api.this.execution_arn
}

output "authorizer_id" {
  description = "ID of the authorizer; \"\" without one."
  value       = join("", aws_api_gateway_authorizer.token[*].id)
}

output "has_authorizer" {
  description = "Whether a route uses the authorizer."
  value       = local.has_authorizer
}
