output "id" {
  description = "ID of the API."
  value       = module.routes.id
}

output "arn" {
  description = "ARN of the API."
  value       = module.routes.arn
}

output "execution_arn" {
  description = "Prefix of the ARNs of stages and routes in policies."
  value       = module.routes.execution_arn
}

output "stage_name" {
  description = "Name of the stage, known once the stage exists."
  value       = aws_apigatewayv2_stage.this.name
}

output "url" {
  description = "URL of the stage on the API's own host, without a trailing slash."
  value       = trimsuffix(aws_apigatewayv2_stage.this.invoke_url, "/")
}

output "authorizer_id" {
  description = "ID of the authorizer; \"\" without one."
  value       = module.routes.authorizer_id
}
