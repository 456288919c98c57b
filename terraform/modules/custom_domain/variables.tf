variable "domain_name" {
  description = "Domain name, such as `api.example.com`."
  type        = string
}

variable "certificate_arn" {
  description = "ARN of the domain's certificate in ACM, in the region of the API."
  type        = string
}

variable "api_id" {
  description = "ID of the REST or HTTP API."
  type        = string
}

variable "stage_name" {
  description = "Name of the API's stage, as a reference, so that the mapping is created after the stage."
  type        = string
}

variable "base_path" {
  description = "Base path of the stage on the domain, such as `v1` or `shop/v1`; \"\" for the whole domain."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9$_.+!*'()-]+(/[A-Za-z0-9$_.+!*'()-]+)*)?$", var.base_path))
    error_message = "The segments of a base path are letters, digits and $ - _ . + ! * ' ( ), separated by /."
  }

  validation {
    condition     = length(var.base_path) <= 300
    error_message = "A base path has at most 300 characters."
  }
}

variable "tags" {
  description = "Tags of the domain."
  type        = map(string)
  default     = {}
}
