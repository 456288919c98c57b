variable "name" {
  description = "Name of the API and of its log group."
  type        = string
}

variable "stage_name" {
  description = "Name of the stage, which is the first path segment on the API's own host."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,128}$", var.stage_name))
    error_message = "A stage name is 1 to 128 letters, digits, _ and -."
  }
}

variable "function_name" {
  description = "Name of the Lambda function, as text, so that the routes can be created before it."
  type        = string
}

variable "function_arn" {
  description = "Unqualified ARN of the function, as a reference, so that the permission to invoke it is created after it. Without it, the function must exist."
  type        = string
  default     = ""
}

variable "function_qualifier" {
  description = "Alias or version of the function to invoke; \"\" for the latest code."
  type        = string
  default     = ""
}

variable "routes" {
  description = "Routes: a method such as `GET`, a path such as `/items/{id}`, and whether the authorizer runs first. `ANY` means all methods without a route; a final `{proxy+}` matches one or more segments."
  type = list(object({
    method     = string
    path       = string
    authorized = bool
  }))

  validation {
    condition     = length(var.routes) > 0
    error_message = "A REST API needs at least one route."
  }

  validation {
    condition     = alltrue([for route in var.routes : can(regex("^(ANY|DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT)$", route.method))])
    error_message = "A method is ANY, DELETE, GET, HEAD, OPTIONS, PATCH, POST or PUT."
  }

  validation {
    condition     = alltrue([for route in var.routes : can(regex("^/([A-Za-z0-9._:-]+|\\{\\w+\\})?(/([A-Za-z0-9._:-]+|\\{\\w+\\}))*(/?\\{\\w+\\+\\})?$", route.path))])
    error_message = "A path starts with /. Its segments are letters, digits and . _ : -, or {name}, or a final {name+}."
  }

  validation {
    condition     = alltrue([for route in var.routes : length(compact(split("/", route.path))) <= 8])
    error_message = "A path has at most 8 segments."
  }

  validation {
    condition     = length(var.routes) == length(distinct([for route in var.routes : "${route.method} ${replace(route.path, "/\\{\\w+/", "{")}"]))
    error_message = "Two routes have the same method and path."
  }

  validation {
    # The number of path prefixes with parameter names, and without them.
    condition = length(distinct(flatten([
      for route in var.routes : [
        for number, part in split("/", route.path) : join("/", slice(split("/", route.path), 0, number + 1))
      ]
      ]))) == length(distinct(flatten([
      for route in var.routes : [
        for number, part in split("/", route.path) : replace(join("/", slice(split("/", route.path), 0, number + 1)), "/\\{\\w+/", "{")
      ]
    ])))
    error_message = "A parameter has the same name after the same prefix: /items/{id} and /items/{name}/parts conflict."
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
    error_message = "A segment is {name} or {name+}, not both: /items/{id} and /items/{proxy+} conflict."
  }
}

variable "token_header" {
  description = "Header with the token for the authorizer."
  type        = string
  default     = "Authorization"

  validation {
    condition     = can(regex("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", var.token_header))
    error_message = "This is not a valid header name."
  }
}

variable "authorizer_ttl" {
  description = "Seconds for which the result for a token is cached; 0 runs the authorizer for each request."
  type        = number
  default     = 300

  validation {
    condition     = var.authorizer_ttl >= 0 && var.authorizer_ttl <= 3600
    error_message = "The authorizer's result is cached for 0 to 3600 seconds."
  }
}

variable "gateway_responses" {
  description = "Responses of the API itself: response type, status (\"\" for AWS's default), headers, and body template."
  type = list(object({
    type    = string
    status  = string
    headers = map(string)
    body    = string
  }))
  default = []

  validation {
    condition     = alltrue([for value in flatten([for response in var.gateway_responses : values(response.headers)]) : !can(regex("'", value))])
    error_message = "A header value must not contain an apostrophe, which API Gateway cannot quote."
  }
}

variable "binary_media_types" {
  description = "Media types of binary bodies, which are base64 in events and results of the function."
  type        = list(string)
  default     = ["*/*"]
}

variable "endpoint_type" {
  description = "REGIONAL, EDGE, or PRIVATE for callers in a VPC."
  type        = string
  default     = "REGIONAL"

  validation {
    condition     = contains(["REGIONAL", "EDGE", "PRIVATE"], var.endpoint_type)
    error_message = "The endpoint type is REGIONAL, EDGE or PRIVATE."
  }
}

variable "stream" {
  description = "Whether responses go to the client as the function sends them, up to 15 minutes. The function must then stream every response. It requires version 6.29 of the provider."
  type        = bool
  default     = false
}

variable "vpc_endpoint_ids" {
  description = "VPC endpoints that may call a PRIVATE API. Without one, nobody can."
  type        = list(string)
  default     = []
}

variable "disable_execute_api_endpoint" {
  description = "Whether the API is reachable by its custom domain only, and not on its own host."
  type        = bool
  default     = false
}

variable "web_acl_arn" {
  description = "ARN of the regional AWS WAF web ACL in front of the stage; \"\" for none."
  type        = string
  default     = ""
}

variable "xray_tracing" {
  description = "Whether X-Ray traces the stage."
  type        = bool
  default     = false
}

variable "throttling_rate_limit" {
  description = "Requests per second for the whole stage; -1 for the account's limit."
  type        = number
  default     = -1
}

variable "throttling_burst_limit" {
  description = "Burst of requests above the rate; -1 for the account's limit."
  type        = number
  default     = -1
}

variable "access_logs" {
  description = "Whether each request is logged as a line of JSON. The account must allow API Gateway to write logs; see the README."
  type        = bool
  default     = true
}

variable "log_source_ip" {
  description = "Whether the access logs contain the client's IP address, which is personal data."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "KMS key that encrypts the access logs; \"\" for CloudWatch's own. Its policy must allow CloudWatch Logs to use it."
  type        = string
  default     = ""
}

variable "log_retention_days" {
  description = "Retention of the access logs in days."
  type        = number
  default     = 30
}

variable "tags" {
  description = "Tags of all resources that support them."
  type        = map(string)
  default     = {}
}
