output "url" {
  description = "The stage's URL on the domain, without a slash at its end."
  value       = join("/", compact(["https://${aws_apigatewayv2_domain_name.this.domain_name}", var.base_path]))
}

output "target" {
  description = "The host to which the domain's DNS record leads."
  value       = aws_apigatewayv2_domain_name.this.domain_name_configuration[0].target_domain_name
}

output "zone_id" {
  description = "The Route 53 zone of that host, for an alias record."
  value       = aws_apigatewayv2_domain_name.this.domain_name_configuration[0].hosted_zone_id
}
