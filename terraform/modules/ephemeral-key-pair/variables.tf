variable "iam_key_parameter_arn" {
  description = "The parameter that holds the id: iam_key_parameter_arn of the module apply-time-rotation."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[\\w-]+:ssm:[\\w-]+:\\d{12}:parameter/", var.iam_key_parameter_arn))
    error_message = "iam_key_parameter_arn is the ARN of a parameter."
  }
}

variable "iam_secret_parameter_arn" {
  description = "The parameter that holds the secret: iam_secret_parameter_arn of the module apply-time-rotation."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[\\w-]+:ssm:[\\w-]+:\\d{12}:parameter/", var.iam_secret_parameter_arn))
    error_message = "iam_secret_parameter_arn is the ARN of a parameter."
  }
}
