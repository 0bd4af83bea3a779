variable "user_name" {
  description = "Name of the user."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_+=,.@-]{1,64}$", var.user_name))
    error_message = "user_name is up to 64 letters, digits and _ + = , . @ -."
  }
}

variable "user_path" {
  description = "Path of the user."
  type        = string
  default     = "/"
  nullable    = false

  validation {
    condition     = can(regex("^/([!-~]+/)?$", var.user_path))
    error_message = "A path of IAM begins and ends with a slash."
  }
}

variable "user_permissions_boundary" {
  description = "ARN of the policy that is the user's permissions boundary."
  type        = string
  default     = null
}

variable "user_force_destroy" {
  description = "Whether the user is destroyed although it has access keys. After the first rotation it always has one: without this a destroy fails, and no key that is in use is stopped."
  type        = bool
  default     = null
}

variable "user_tags" {
  description = "More tags of the user."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = !contains(keys(var.user_tags), "keyturn:rotation")
    error_message = "The tag keyturn:rotation is what a rotation remembers: it is not Terraform's to set."
  }
}

variable "user_policies" {
  description = "Policies of the user, as JSON, by name. They are there before the first key is made and tested; policies that are attached elsewhere may come later than that."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for policy in values(var.user_policies) : can(jsondecode(policy).Statement)])
    error_message = "user_policies are policies of IAM, as JSON, by name."
  }
}

variable "secret_name" {
  description = "Name of the secret that will hold the user's access key. Either this or secret_name_prefix."
  type        = string
  default     = null

  validation {
    condition     = (var.secret_name == null) != (var.secret_name_prefix == null)
    error_message = "Give either secret_name or secret_name_prefix."
  }

  validation {
    condition     = var.secret_name == null ? true : can(regex("^[A-Za-z0-9/_+=.@-]{1,512}$", var.secret_name))
    error_message = "secret_name is up to 512 letters, digits and / _ + = . @ -."
  }
}

variable "secret_name_prefix" {
  description = "What the name of the secret begins with: AWS's provider appends something of its own. Either this or secret_name."
  type        = string
  default     = null

  validation {
    condition     = var.secret_name_prefix == null ? true : can(regex("^[A-Za-z0-9/_+=.@-]{1,486}$", var.secret_name_prefix))
    error_message = "secret_name_prefix is up to 486 letters, digits and / _ + = . @ -."
  }
}

variable "secret_description" {
  description = "Description of the secret."
  type        = string
  default     = ""
  nullable    = false
}

variable "secret_kms_key_id" {
  description = "ARN, id or alias of the KMS key that encrypts the secret: secret_kms_key_arns of the module rotator must have its ARN. Null = AWS's own."
  type        = string
  default     = null
}

variable "secret_policy" {
  description = "Policy of the secret, as JSON. One that lets everybody in is refused."
  type        = string
  default     = null

  validation {
    condition     = var.secret_policy == null ? true : can(jsondecode(var.secret_policy).Statement)
    error_message = "secret_policy is a policy of IAM, as JSON."
  }
}

variable "secret_recovery_window_in_days" {
  description = "How many days a destroyed secret can be brought back: 7 to 30, or 0 = not at all. Null = 30. Its name is taken until then."
  type        = number
  default     = null

  validation {
    condition     = var.secret_recovery_window_in_days == null ? true : var.secret_recovery_window_in_days == 0 || (var.secret_recovery_window_in_days >= 7 && var.secret_recovery_window_in_days <= 30)
    error_message = "secret_recovery_window_in_days is 7 to 30, or 0."
  }
}

variable "secret_tags" {
  description = "More tags of the secret."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "secret_user_name_field" {
  description = "The field of the secret that holds the user's name: the one that secret_fields of the module rotator has for userName."
  type        = string
  default     = "UserName"
  nullable    = false

  validation {
    condition     = var.secret_user_name_field != ""
    error_message = "secret_user_name_field must not be empty."
  }
}

variable "tag" {
  description = "The tag that lets the rotator touch user and secret: its output tag."
  type        = object({ key = string, value = string })
  default     = { key = "Rotatable", value = "true" }
  nullable    = false
}

variable "rotator_lambda_arn" {
  description = "The function that rotates: the output rotator_lambda_arn of the module rotator."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]+(:[A-Za-z0-9_$-]+)?$", var.rotator_lambda_arn))
    error_message = "rotator_lambda_arn is the ARN of a function, such as arn:aws:lambda:eu-west-1:111122223333:function:rotateAccessKey."
  }
}

variable "rotate_after_days" {
  description = "How many days after a rotation the next one begins."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.rotate_after_days >= 1 && var.rotate_after_days <= 1000 && floor(var.rotate_after_days) == var.rotate_after_days
    error_message = "Secrets Manager rotates after 1 to 1000 whole days."
  }
}

variable "rotate_immediately" {
  description = "Whether a rotation begins as soon as it is switched on, or its settings change. A new user gets its first key that way; with false it has none until the first date."
  type        = bool
  default     = true
  nullable    = false
}
