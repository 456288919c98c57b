variable "region" {
  description = "Region of the API and all resources."
  type        = string
  default     = "eu-west-1"
}

variable "domain_name" {
  description = "Domain name."
  type        = string
}

variable "zone_id" {
  description = "Route 53 zone of the domain."
  type        = string
}

variable "api_id" {
  description = "ID of an existing REST or HTTP API."
  type        = string
}

variable "stage_name" {
  description = "Name of the API's stage."
  type        = string
  default     = "dev"
}

variable "base_path" {
  description = "Base path of the stage on the domain."
  type        = string
  default     = ""
}
