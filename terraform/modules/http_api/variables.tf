variable "name" {
  description = "Name of the API and of its log group."
  type        = string
}

variable "stage_name" {
  description = "Name of the one stage, the first part of the path on the API's own host; `$default` for a stage without one."
  type        = string

  validation {
    condition     = can(regex("^(\\$default|[A-Za-z0-9_-]{1,128})$", var.stage_name))
    error_message = "The stage's name is $default, or holds letters, digits, _ and -, at most 128."
  }
}

variable "function_name" {
  description = "Name of the Lambda function, as text: the routes can be made before it."
  type        = string
}

variable "function_arn" {
  description = "Unqualified ARN of the function, as a reference to it: the permission to invoke waits for the function. Without one, the function must be there."
  type        = string
  default     = ""
}

variable "function_qualifier" {
  description = "Alias or version of the function that is invoked; \"\" for the newest code."
  type        = string
  default     = ""
}

variable "routes" {
  description = "One method on one path each: `GET`, `/items/{id}`, and whether the authorizer is asked first. `ANY` is the methods without a route of their own; `{proxy+}` at the end is one part of the path and more; the path `$default` is all that no other route takes."
  type = list(object({
    method     = string
    path       = string
    authorized = bool
  }))

  validation {
    condition     = alltrue([for route in var.routes : can(regex("^(ANY|DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT)$", route.method))])
    error_message = "A route's method is ANY, DELETE, GET, HEAD, OPTIONS, PATCH, POST or PUT."
  }

  validation {
    condition     = alltrue([for route in var.routes : route.path == "$default" || can(regex("^/([A-Za-z0-9._:-]+|\\{\\w+\\})?(/([A-Za-z0-9._:-]+|\\{\\w+\\}))*(/?\\{\\w+\\+\\})?$", route.path))])
    error_message = "A route's path is $default, or begins with /; its parts are letters, digits and . _ : -, or {name}, or {name+} at the end."
  }

  validation {
    condition     = length(var.routes) == length(distinct([for route in var.routes : "${route.method} ${replace(route.path, "/\\{\\w+/", "{")}"]))
    error_message = "There are two routes with the same method and path."
  }
}

variable "token_header" {
  description = "Header that holds the token, which the authorizer is asked about."
  type        = string
  default     = "Authorization"

  validation {
    condition     = can(regex("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", var.token_header))
    error_message = "This is no name of a header."
  }
}

variable "authorizer_ttl" {
  description = "Seconds for which the authorizer's answer to a token is kept; 0 asks at each request."
  type        = number
  default     = 300

  validation {
    condition     = var.authorizer_ttl >= 0 && var.authorizer_ttl <= 3600
    error_message = "The authorizer's answer is kept for 0 to 3600 seconds."
  }
}

variable "throttling_rate_limit" {
  description = "Requests per second, for the whole stage; -1 for the account's limit."
  type        = number
  default     = -1
}

variable "throttling_burst_limit" {
  description = "Requests at once above the rate; -1 for the account's limit."
  type        = number
  default     = -1
}

variable "access_logs" {
  description = "Whether each request is a line of JSON in a log group."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "Days for which access logs are kept."
  type        = number
  default     = 30
}

variable "tags" {
  description = "Tags of all that can have them."
  type        = map(string)
  default     = {}
}
