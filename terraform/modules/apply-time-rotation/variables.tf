variable "iam_user" {
  description = "The IAM user whose key is rotated."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[\\w+=,.@-]{1,64}$", var.iam_user))
    error_message = "iam_user is the name of an IAM user: letters, digits and _+=,.@- only, at most 64."
  }

  validation {
    condition     = !can(regex("^(?i:aws|ssm)", var.iam_user))
    error_message = "Parameter Store keeps names that begin with aws or ssm for AWS: there is no place for the parameters of such a user."
  }
}

variable "iam_key" {
  description = "The id of a key that exists already, to begin with; -1 where there is none. It is looked at only when the parameters are created."
  type        = string
  default     = "-1"
  nullable    = false
  sensitive   = true

  validation {
    condition     = var.iam_key == "-1" || can(regex("^\\w{16,128}$", var.iam_key))
    error_message = "iam_key is an access key id, such as AKIAIOSFODNN7EXAMPLE, or -1."
  }
}

variable "iam_secret" {
  description = "The secret of that key; -1 where there is none. Ephemeral: it goes into the parameter and into no plan and no state."
  type        = string
  default     = "-1"
  nullable    = false
  sensitive   = true
  ephemeral   = true
}

variable "max_age_days" {
  description = "A successor is made when the key is older than this many whole days."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.max_age_days >= 0 && var.max_age_days <= 36500 && floor(var.max_age_days) == var.max_age_days
    error_message = "max_age_days is a whole number of days, 0 to 36500."
  }
}

variable "delete_after_days" {
  description = "The old key is deleted when it has been Inactive for more than this many whole days."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.delete_after_days >= 0 && var.delete_after_days <= 36500 && floor(var.delete_after_days) == var.delete_after_days
    error_message = "delete_after_days is a whole number of days, 0 to 36500."
  }
}

variable "region" {
  description = "The region of the parameters. It must be that of the provider: another one is an error at plan."
  type        = string
  default     = "eu-central-1"
  nullable    = false
}

variable "customer_master_key_spec" {
  description = "The kind of KMS key. Parameter Store encrypts with symmetric keys only."
  type        = string
  default     = "SYMMETRIC_DEFAULT"
  nullable    = false

  validation {
    condition     = var.customer_master_key_spec == "SYMMETRIC_DEFAULT"
    error_message = "Parameter Store encrypts with symmetric keys only: SYMMETRIC_DEFAULT."
  }
}

variable "deletion_window" {
  description = "How many days the KMS key waits to be deleted after a destroy."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.deletion_window >= 7 && var.deletion_window <= 30
    error_message = "deletion_window is 7 to 30 days."
  }
}

variable "enable_key_rotation" {
  description = "Whether KMS renews the key's own material every year."
  type        = bool
  default     = true
  nullable    = false
}

variable "keyturn_command" {
  description = "How keyturn is started on the machine that applies: a command line for its shell. It gets no secret."
  type        = string
  default     = "keyturn"
  nullable    = false

  validation {
    condition     = trimspace(var.keyturn_command) != ""
    error_message = "keyturn_command must not be empty."
  }
}

variable "plain_outputs" {
  description = "Whether updated_iam_secret is handed out, which puts the secret into the state. With false it is null, and the module ephemeral-key-pair hands it out."
  type        = bool
  default     = true
  nullable    = false
}

variable "allow_destroy" {
  description = "Whether the parameters may be destroyed while they hold the only copy of the secret of an Active key. It must be applied before the destroy."
  type        = bool
  default     = false
  nullable    = false
}
