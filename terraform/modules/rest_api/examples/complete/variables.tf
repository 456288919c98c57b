variable "region" {
  description = "Region of everything."
  type        = string
  default     = "eu-west-1"
}

variable "name" {
  description = "Name of the function and of its API."
  type        = string
  default     = "items-dev"
}

variable "bucket" {
  description = "Bucket that holds the function's archive."
  type        = string
}

variable "key" {
  description = "Key of the archive, a zip with handler.py in it."
  type        = string
  default     = "handler.zip"
}

variable "access_logs" {
  description = "Whether requests are logged. A REST API needs examples/account applied once."
  type        = bool
  default     = true
}
