output "url" {
  description = "The stage's URL on the domain."
  value       = module.domain.url
}
