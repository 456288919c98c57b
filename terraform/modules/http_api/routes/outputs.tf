output "id" {
  description = "The API's id."
  value       = aws_apigatewayv2_api.this.id
}

output "arn" {
  description = "The API's ARN."
  value       = aws_apigatewayv2_api.this.arn
}

output "execution_arn" {
  description = "What the ARNs of its stages and routes begin with."
  value       = aws_apigatewayv2_api.this.execution_arn
}

output "authorizer_id" {
  description = "The authorizer's id, \"\" where no route asks it."
  value       = join("", aws_apigatewayv2_authorizer.token[*].id)
}

output "has_authorizer" {
  description = "Whether a route asks the authorizer."
  value       = local.has_authorizer
}
