# Described in full and validated in rest_api/variables.tf.

variable "name" {
  description = "Name of the API and of its authorizer."
  type        = string
}

variable "function_name" {
  description = "Name of the Lambda function."
  type        = string
}

variable "function_qualifier" {
  description = "Alias or version of the function."
  type        = string
}

variable "routes" {
  description = "Routes."
  type = list(object({
    method     = string
    path       = string
    authorized = bool
  }))
}

variable "token_header" {
  description = "Header with the token."
  type        = string
}

variable "authorizer_ttl" {
  description = "Seconds for which the authorizer's result is cached."
  type        = number
}

variable "gateway_responses" {
  description = "Responses of the API itself."
  type = list(object({
    type    = string
    status  = string
    headers = map(string)
    body    = string
  }))
}

variable "binary_media_types" {
  description = "Media types of binary bodies."
  type        = list(string)
}

variable "endpoint_type" {
  description = "REGIONAL, EDGE or PRIVATE."
  type        = string
}

variable "stream" {
  description = "Whether responses go to the client as the function sends them."
  type        = bool
}

variable "vpc_endpoint_ids" {
  description = "VPC endpoints of a PRIVATE API."
  type        = list(string)
}

variable "disable_execute_api_endpoint" {
  description = "Whether the API is not reachable on its own host."
  type        = bool
}

variable "tags" {
  description = "Tags of the API."
  type        = map(string)
}
