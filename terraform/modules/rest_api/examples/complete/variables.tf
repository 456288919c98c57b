variable "region" {
  description = "Region of all resources."
  type        = string
  default     = "eu-west-1"
}

variable "name" {
  description = "Name of the function and of its API."
  type        = string
  default     = "items-dev"
}

variable "bucket" {
  description = "Bucket of the function's archive."
  type        = string
}

variable "key" {
  description = "Key of the archive, a zip file that contains handler.py."
  type        = string
  default     = "handler.zip"
}

variable "access_logs" {
  description = "Whether requests are logged. A REST API requires that examples/account is applied once."
  type        = bool
  default     = true
}
