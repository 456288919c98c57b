output "id" {
  description = "The API's id."
  value       = module.routes.id
}

output "arn" {
  description = "The API's ARN."
  value       = module.routes.arn
}

output "execution_arn" {
  description = "What the ARNs of the API's stages and routes begin with, as policies name them."
  value       = module.routes.execution_arn
}

output "stage_name" {
  description = "The stage's name, known when the stage is there."
  value       = aws_apigatewayv2_stage.this.name
}

output "url" {
  description = "The stage's URL on the API's own host, without a slash at its end."
  value       = trimsuffix(aws_apigatewayv2_stage.this.invoke_url, "/")
}

output "authorizer_id" {
  description = "The authorizer's id, \"\" where no route asks it."
  value       = module.routes.authorizer_id
}
