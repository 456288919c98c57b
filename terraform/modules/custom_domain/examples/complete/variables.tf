variable "region" {
  description = "Region of the API, and of all that is made."
  type        = string
  default     = "eu-west-1"
}

variable "domain_name" {
  description = "The domain."
  type        = string
}

variable "zone_id" {
  description = "Route 53 zone that the domain belongs to."
  type        = string
}

variable "api_id" {
  description = "Id of a REST or HTTP API that is there."
  type        = string
}

variable "stage_name" {
  description = "Name of its stage."
  type        = string
  default     = "dev"
}

variable "base_path" {
  description = "Path on the domain below which the stage is."
  type        = string
  default     = ""
}
