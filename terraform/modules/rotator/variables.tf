variable "package" {
  description = "Where the functions' packages are: `{ folder = \"…/dist-lambda\" }` with rotate-secret.zip and cleanup-secrets.zip in it, or `{ bucket = \"…\", rotate_secret = { key, hash }, cleanup_secrets = { key, hash } }`, hash = base64 of the zip's SHA-256, version = optionally the object's version."
  type = object({
    folder = optional(string)
    bucket = optional(string)
    rotate_secret = optional(object({
      key     = string
      hash    = string
      version = optional(string)
    }))
    cleanup_secrets = optional(object({
      key     = string
      hash    = string
      version = optional(string)
    }))
  })
  nullable = false

  validation {
    condition     = (var.package.folder == null) != (var.package.bucket == null)
    error_message = "Give either package.folder, or package.bucket with package.rotate_secret and package.cleanup_secrets."
  }

  validation {
    condition     = var.package.bucket == null || (var.package.rotate_secret != null && var.package.cleanup_secrets != null)
    error_message = "package.bucket needs package.rotate_secret and package.cleanup_secrets, each with key and hash."
  }
}

variable "cloudwatch_retention_days" {
  description = "How many days the logs of the functions are kept; 0 = for ever."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.cloudwatch_retention_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827 … 3653 days, or with 0 for ever."
  }
}

variable "cleanup_lambda_run_rate" {
  description = "How often the cleanup runs: a number and a unit, such as 1 hour, 12 hours, 1 day."
  type        = string
  default     = "24 hours"
  nullable    = false

  validation {
    condition     = can(regex("^[1-9][0-9]{0,3} (minute|hour|day)s?$", var.cleanup_lambda_run_rate))
    error_message = "cleanup_lambda_run_rate is a number and minutes, hours or days, such as 24 hours."
  }
}

variable "name_suffix" {
  description = "Appended to the name of everything that is made here, where there are several rotators in an account: in several regions, or for teams whose users bear tags of their own."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{0,30}$", var.name_suffix))
    error_message = "name_suffix is at most 30 letters, digits, hyphens and underscores."
  }
}

variable "tag" {
  description = "The tag that secrets and users must bear: the roles may touch no others."
  type        = object({ key = string, value = string })
  default     = { key = "Rotatable", value = "true" }
  nullable    = false

  validation {
    condition     = can(regex("^[\\pL\\pN_.:/+@-]{1,128}$", var.tag.key)) && !startswith(lower(var.tag.key), "aws:")
    error_message = "tag.key is up to 128 letters, digits and _ . : / + @ -, and does not begin with aws:."
  }

  validation {
    condition     = can(regex("^[\\pL\\pN_.:/=+@-]{1,256}$", var.tag.value))
    error_message = "tag.value is up to 256 letters, digits and _ . : / = + @ -."
  }
}

variable "secret_fields" {
  description = "Which field of the secrets holds what, such as AccessKeyId=accessKeyId&SecretAccessKey=secretAccessKey&UserName=userName. Null = Key, Secret and UserName."
  type        = string
  default     = null

  validation {
    condition     = var.secret_fields == null ? true : can(regex("(^|&)[^&=]+=userName(&|$)", var.secret_fields))
    error_message = "secret_fields is NAME=VALUE&NAME=VALUE, and one of the fields must hold the userName."
  }
}

variable "secret_kms_key_arns" {
  description = "ARNs of the customer managed keys that secrets are encrypted with: the roles may use those. None = secrets are encrypted with AWS's own key."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.secret_kms_key_arns : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", arn))])
    error_message = "secret_kms_key_arns are ARNs of keys, such as arn:aws:kms:eu-west-1:111122223333:key/…: neither aliases nor wildcards."
  }
}

variable "test_object" {
  description = "An object of S3 that every new key must be able to read before it is served; a secret may name another one. Null = a new key must sign in, and that is all."
  type        = object({ bucket = string, key = string, region = optional(string) })
  default     = null

  validation {
    condition     = var.test_object == null ? true : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.test_object.bucket)) && var.test_object.key != ""
    error_message = "test_object needs the name of a bucket and the key of an object."
  }
}

variable "users_role" {
  description = "A role in the account of the users, where that is another one, and the external id that its trust policy asks for. It needs the policy of the output users_policy. Null = the users are in this account."
  type        = object({ arn = string, external_id = optional(string) })
  default     = null

  validation {
    condition     = var.users_role == null ? true : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/[!-~]+$", var.users_role.arn))
    error_message = "users_role.arn is the ARN of a role, such as arn:aws:iam::111122223333:role/keyturn."
  }
}

variable "retire" {
  description = "When an old key is made Inactive: idle = somebody else than keyturn uses the new one, and the old one was quiet; time = by time alone."
  type        = string
  default     = "idle"
  nullable    = false

  validation {
    condition     = contains(["idle", "time"], var.retire)
    error_message = "retire is idle or time."
  }
}

variable "quiet" {
  description = "How long an old key must be quiet, such as 1d or 12h; with retire = time: how long after the delivery of the new key it stays. Null = 1d."
  type        = string
  default     = null

  validation {
    condition     = var.quiet == null ? true : can(regex("^[0-9]+(\\.[0-9]+)?[wdhms]$", var.quiet))
    error_message = "quiet is a number and a unit, such as 1d or 12h."
  }
}

variable "remind_after" {
  description = "From when on a key that waits for its consumers is reported as blocked. Null = 14d."
  type        = string
  default     = null

  validation {
    condition     = var.remind_after == null ? true : can(regex("^[0-9]+(\\.[0-9]+)?[wdhms]$", var.remind_after))
    error_message = "remind_after is a number and a unit, such as 14d."
  }
}

variable "delete_after" {
  description = "How long an old key stays Inactive, so that it could be brought back, before it is deleted. Null = 1d."
  type        = string
  default     = null

  validation {
    condition     = var.delete_after == null ? true : can(regex("^[0-9]+(\\.[0-9]+)?[wdhms]$", var.delete_after))
    error_message = "delete_after is a number and a unit, such as 1d or 7d."
  }
}

variable "dry_run" {
  description = "Whether the cleanup only says what it would do."
  type        = bool
  default     = false
  nullable    = false
}

variable "debug" {
  description = "Whether every step is logged when it begins, too."
  type        = bool
  default     = false
  nullable    = false
}

variable "lambda_runtime" {
  description = "Runtime of both functions: nodejs22.x or later."
  type        = string
  default     = "nodejs22.x"
  nullable    = false

  validation {
    condition     = can(regex("^nodejs(2[2-9]|[3-9][0-9])\\.x$", var.lambda_runtime))
    error_message = "The functions run on Node.js: nodejs22.x or later."
  }
}

variable "lambda_memory_size" {
  description = "Memory of both functions in MB."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = var.lambda_memory_size >= 128 && var.lambda_memory_size <= 10240
    error_message = "lambda_memory_size is 128 to 10240 MB."
  }
}

variable "lambda_kms_key_arn" {
  description = "ARN of a KMS key for the functions' environment. Null = AWS's own."
  type        = string
  default     = null
}

variable "cloudwatch_kms_key_arn" {
  description = "ARN of a KMS key for the logs. Null = AWS's own."
  type        = string
  default     = null
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the roles."
  type        = string
  default     = null
}

variable "alarm_actions" {
  description = "ARNs that alarms tell, such as an SNS topic's."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "tags" {
  description = "Tags of everything that is made here."
  type        = map(string)
  default     = {}
  nullable    = false
}
