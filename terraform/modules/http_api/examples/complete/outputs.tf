output "url" {
  description = "URL of the stage."
  value       = module.api.url
}

output "id" {
  description = "ID of the API."
  value       = module.api.id
}
