output "url" {
  description = "URL of the stage on the domain, without a trailing slash."
  value       = join("/", compact(["https://${aws_apigatewayv2_domain_name.this.domain_name}", var.base_path]))
}

output "target" {
  description = "Host that the domain's DNS record points to."
  value       = aws_apigatewayv2_domain_name.this.domain_name_configuration[0].target_domain_name
}

output "zone_id" {
  description = "Route 53 zone of that host, for an alias record."
  value       = aws_apigatewayv2_domain_name.this.domain_name_configuration[0].hosted_zone_id
}
