variable "name" {
  description = "Name of the API and of its log group."
  type        = string
}

variable "stage_name" {
  description = "Name of the one stage, the first part of the path on the API's own host."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,128}$", var.stage_name))
    error_message = "The stage's name may hold letters, digits, _ and -, at most 128."
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
  description = "One method on one path each: `GET`, `/items/{id}`, and whether the authorizer is asked first. `ANY` is the methods without a route of their own; `{proxy+}` at the end is one part of the path and more."
  type = list(object({
    method     = string
    path       = string
    authorized = bool
  }))

  validation {
    condition     = length(var.routes) > 0
    error_message = "API Gateway deploys no API without a route."
  }

  validation {
    condition     = alltrue([for route in var.routes : can(regex("^(ANY|DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT)$", route.method))])
    error_message = "A route's method is ANY, DELETE, GET, HEAD, OPTIONS, PATCH, POST or PUT."
  }

  validation {
    condition     = alltrue([for route in var.routes : can(regex("^/([A-Za-z0-9._:-]+|\\{\\w+\\})?(/([A-Za-z0-9._:-]+|\\{\\w+\\}))*(/?\\{\\w+\\+\\})?$", route.path))])
    error_message = "A route's path begins with /; its parts are letters, digits and . _ : -, or {name}, or {name+} at the end."
  }

  validation {
    condition     = alltrue([for route in var.routes : length(compact(split("/", route.path))) <= 8])
    error_message = "This module makes paths of at most 8 parts."
  }

  validation {
    condition     = length(var.routes) == length(distinct([for route in var.routes : "${route.method} ${replace(route.path, "/\\{\\w+/", "{")}"]))
    error_message = "There are two routes with the same method and path."
  }

  validation {
    # Each start of a path, once with its parameters' names and once without.
    condition = length(distinct(flatten([
      for route in var.routes : [
        for number, part in split("/", route.path) : join("/", slice(split("/", route.path), 0, number + 1))
      ]
      ]))) == length(distinct(flatten([
      for route in var.routes : [
        for number, part in split("/", route.path) : replace(join("/", slice(split("/", route.path), 0, number + 1)), "/\\{\\w+/", "{")
      ]
    ])))
    error_message = "A parameter has one name wherever the path before it is the same: /items/{id} and /items/{name}/parts do not go together."
  }

  validation {
    condition = length(setintersection(
      [for route in var.routes : replace(route.path, "/\\{\\w+/", "{")],
      flatten([
        for parts in [for route in var.routes : split("/", replace(route.path, "/\\{\\w+/", "{"))] : [
          for number, part in parts : "${join("/", slice(parts, 0, number))}/{+}" if part == "{}"
        ]
      ])
    )) == 0
    error_message = "One part of a path is {name} or {name+}, not both: /items/{id} and /items/{proxy+} do not go together."
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

variable "gateway_responses" {
  description = "What the API answers alone: the type of the occasion, the status (\"\" for its own), headers, and the template of the body."
  type = list(object({
    type    = string
    status  = string
    headers = map(string)
    body    = string
  }))
  default = []

  validation {
    condition     = alltrue([for value in flatten([for response in var.gateway_responses : values(response.headers)]) : !can(regex("'", value))])
    error_message = "A header's value may not hold an apostrophe, which API Gateway cannot quote."
  }
}

variable "binary_media_types" {
  description = "Media types of bodies that reach the function in base64 and leave it as bytes."
  type        = list(string)
  default     = ["*/*"]
}

variable "endpoint_type" {
  description = "REGIONAL, EDGE, or PRIVATE for callers in a VPC alone."
  type        = string
  default     = "REGIONAL"

  validation {
    condition     = contains(["REGIONAL", "EDGE", "PRIVATE"], var.endpoint_type)
    error_message = "The endpoint's type is REGIONAL, EDGE or PRIVATE."
  }
}

variable "vpc_endpoint_ids" {
  description = "VPC endpoints from which a PRIVATE API may be called; without one, nobody can."
  type        = list(string)
  default     = []
}

variable "xray_tracing" {
  description = "Whether X-Ray traces the stage."
  type        = bool
  default     = false
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
  description = "Whether each request is a line of JSON in a log group. The account must let API Gateway write logs: see the README."
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
