variable "domain_name" {
  description = "The domain, `api.example.com` say."
  type        = string
}

variable "certificate_arn" {
  description = "ARN of the domain's certificate in ACM, in the API's region."
  type        = string
}

variable "api_id" {
  description = "Id of the REST or HTTP API."
  type        = string
}

variable "stage_name" {
  description = "Name of the API's stage, as a reference to it: the mapping waits for the stage."
  type        = string
}

variable "base_path" {
  description = "Parts of the path on the domain below which the stage is, `v1` or `shop/v1`; \"\" for the whole domain."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9$_.+!*'()-]+(/[A-Za-z0-9$_.+!*'()-]+)*)?$", var.base_path))
    error_message = "The base path's parts are letters, digits and $ - _ . + ! * ' ( ), with / between them alone."
  }

  validation {
    condition     = length(var.base_path) <= 300
    error_message = "The base path has 300 characters at most."
  }
}

variable "tags" {
  description = "Tags of the domain."
  type        = map(string)
  default     = {}
}
