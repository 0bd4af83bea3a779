# The variables of aws-iam-key-rotator under their own names and with their own defaults; where a default differs, its description says so.

variable "package" {
  description = "Where the functions' packages are: `{ folder = \"…/dist-lambda\" }` with creator.zip and destructor.zip in it, or `{ bucket = \"…\", creator = { key, hash }, destructor = { key, hash } }`, hash = base64 of the zip's SHA-256, version = optionally the object's version."
  type = object({
    folder = optional(string)
    bucket = optional(string)
    creator = optional(object({
      key     = string
      hash    = string
      version = optional(string)
    }))
    destructor = optional(object({
      key     = string
      hash    = string
      version = optional(string)
    }))
  })

  validation {
    condition     = (var.package.folder == null) != (var.package.bucket == null)
    error_message = "Give either package.folder, or package.bucket with package.creator and package.destructor."
  }

  validation {
    condition     = var.package.bucket == null || (var.package.creator != null && var.package.destructor != null)
    error_message = "package.bucket needs package.creator and package.destructor, each with key and hash."
  }
}

variable "table_name" {
  description = "Name of the DynamoDB table that schedules when old access keys go."
  type        = string
  default     = "iam-key-rotator"
}

variable "enable_sse" {
  description = "Encrypt the table with a KMS key: kms_key_arn, or AWS's own."
  type        = bool
  default     = true
}

variable "kms_key_arn" {
  description = "ARN of a customer managed key for the table."
  type        = string
  default     = null
}

variable "enable_pitr" {
  description = "Point-in-time recovery of the table."
  type        = bool
  default     = false
}

variable "key_creator_role_name" {
  description = "Name of the creator's role."
  type        = string
  default     = "iam-key-creator"
}

variable "key_creator_function_name" {
  description = "Name of the function that makes and delivers new keys, and sweeps what the timer lost."
  type        = string
  default     = "iam-key-creator"
}

variable "key_destructor_role_name" {
  description = "Name of the destructor's role."
  type        = string
  default     = "iam-key-destructor"
}

variable "key_destructor_function_name" {
  description = "Name of the function that retires old keys when their time has come."
  type        = string
  default     = "iam-key-destructor"
}

variable "cron_expression" {
  description = "When the creator runs, in UTC: the six fields of an [EventBridge cron expression](https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based)."
  type        = string
  default     = "0 12 * * ? *"

  validation {
    condition     = length(split(" ", var.cron_expression)) == 6
    error_message = "A cron expression of EventBridge has six fields, such as 0 12 * * ? *."
  }
}

variable "lambda_runtime" {
  description = "Runtime of both functions: nodejs22.x or later (python3.11 before keyturn)."
  type        = string
  default     = "nodejs22.x"

  validation {
    condition     = can(regex("^nodejs(2[2-9]|[3-9][0-9])\\.x$", var.lambda_runtime))
    error_message = "The functions run on Node.js: nodejs22.x or later."
  }
}

variable "function_memory_size" {
  description = "Memory of both functions in MB (128 before keyturn)."
  type        = number
  default     = 256
}

variable "function_timeout" {
  description = "Time limit of both functions in seconds (10 before keyturn). A run begins no user that it could not finish in time, which may take three minutes."
  type        = number
  default     = 900

  validation {
    condition     = var.function_timeout >= 300 && var.function_timeout <= 900
    error_message = "One user may take three minutes: function_timeout is 300 to 900 seconds."
  }
}

variable "reserved_concurrent_executions" {
  description = "Reserved concurrency of each function; -1 = none, 0 = it never runs."
  type        = number
  default     = -1
}

variable "xray_tracing_mode" {
  description = "PassThrough or Active."
  type        = string
  default     = "PassThrough"

  validation {
    condition     = contains(["PassThrough", "Active"], var.xray_tracing_mode)
    error_message = "xray_tracing_mode is PassThrough or Active."
  }
}

variable "tags" {
  description = "Tags of everything that is made here."
  type        = map(string)
  default     = {}
}

variable "rotate_after_days" {
  description = "Age of a key, in whole days, after which a new one is made. A user's tag IKR:ROTATE_AFTER_DAYS comes before it."
  type        = number
  default     = 85
}

variable "delete_after_days" {
  description = "How long after the delivery of the new key the old one goes. A user's tag IKR:DELETE_AFTER_DAYS comes before it."
  type        = number
  default     = 5
}

variable "retry_after_mins" {
  description = "How long to wait before an old key that could not go is looked at again."
  type        = number
  default     = 5
}

variable "encrypt_key_pair" {
  description = "Mail the new key encrypted (Fernet, with the key in the SSM parameter /ikr/secret/iam/USER)."
  type        = bool
  default     = true
}

variable "mail_client" {
  description = "ses, smtp or mailgun."
  type        = string
  default     = "ses"

  validation {
    condition     = contains(["ses", "smtp", "mailgun"], var.mail_client)
    error_message = "mail_client is ses, smtp or mailgun."
  }
}

variable "mail_from" {
  description = "The address that mails come from. The mail service must know it."
  type        = string
}

variable "mail_allowed_domains" {
  description = "Domains that keys may be mailed to, such as [\"example.com\", \"*.example.org\"]: whoever may tag a user chooses the address. [\"*\"] allows all. New in keyturn, and required."
  type        = list(string)

  validation {
    condition     = length(var.mail_allowed_domains) > 0
    error_message = "Name the domains that keys may be mailed to; [\"*\"] allows all."
  }
}

variable "smtp_protocol" {
  description = "ssl (TLS from the start) or tls (STARTTLS)."
  type        = string
  default     = null

  validation {
    condition     = var.smtp_protocol == null ? true : contains(["ssl", "tls"], var.smtp_protocol)
    error_message = "smtp_protocol is ssl or tls."
  }
}

variable "smtp_port" {
  description = "Port of the SMTP server."
  type        = number
  default     = null
}

variable "smtp_server" {
  description = "Name of the SMTP server; needed where mail_client is smtp."
  type        = string
  default     = null
}

variable "smtp_password" {
  description = "Password of mail_from at the SMTP server. Write-only: it goes into the SSM parameter /ikr/secret/smtp, and neither into state nor into a plan. Needed where mail_client is smtp, unless smtp_password_parameter is given."
  type        = string
  default     = null
  sensitive   = true
  ephemeral   = true
}

variable "smtp_password_parameter" {
  description = "Name of an SSM parameter (SecureString) of yours that holds the password: then none is made."
  type        = string
  default     = null
}

variable "smtp_password_version" {
  description = "Raise it to have another smtp_password written: Terraform cannot see that a write-only value changed."
  type        = number
  default     = 1
}

variable "mailgun_api_url" {
  description = "The URL that Mailgun takes messages at, such as https://api.eu.mailgun.net/v3/mg.example.com/messages; needed where mail_client is mailgun."
  type        = string
  default     = null
}

variable "mailgun_api_key" {
  description = "API key for Mailgun. Write-only, as smtp_password is."
  type        = string
  default     = null
  sensitive   = true
  ephemeral   = true
}

variable "mailgun_api_key_parameter" {
  description = "Name of an SSM parameter (SecureString) of yours that holds the API key: then none is made."
  type        = string
  default     = null
}

variable "mailgun_api_key_version" {
  description = "Raise it to have another mailgun_api_key written."
  type        = number
  default     = 1
}

variable "cw_log_group_retention" {
  description = "How many days logs are kept."
  type        = number
  default     = 90
}

variable "cw_logs_kms_key_arn" {
  description = "ARN of a KMS key for the logs."
  type        = string
  default     = null
}

variable "keyturn_config" {
  description = "More settings, as keyturn.yaml has them: the text itself, or ssm:/NAME:VERSION, or s3://BUCKET/KEY?versionId=…; see docs/lambda.md. Null = none."
  type        = string
  default     = null
}

variable "user_path" {
  description = "The roles may touch users below this IAM path only, such as /ci/."
  type        = string
  default     = "/"

  validation {
    condition     = startswith(var.user_path, "/") && endswith(var.user_path, "/")
    error_message = "A path of IAM begins and ends with a slash."
  }
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the roles."
  type        = string
  default     = null
}

variable "lambda_kms_key_arn" {
  description = "ARN of a KMS key for the functions' environment."
  type        = string
  default     = null
}

variable "alarm_actions" {
  description = "ARNs that alarms tell, such as an SNS topic's."
  type        = list(string)
  default     = []
}
