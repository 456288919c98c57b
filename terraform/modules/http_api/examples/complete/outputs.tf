output "url" {
  description = "The stage's URL."
  value       = module.api.url
}

output "id" {
  description = "The API's id."
  value       = module.api.id
}
