output "url" {
  description = "URL of the stage on the domain."
  value       = module.domain.url
}
