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
  description = "Tracing by X-Ray: PassThrough or Active."
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

  validation {
    condition     = var.rotate_after_days >= 0 && var.rotate_after_days <= 3650 && floor(var.rotate_after_days) == var.rotate_after_days
    error_message = "rotate_after_days is a whole number, 0 to 3650."
  }
}

variable "delete_after_days" {
  description = "How long after the delivery of the new key the old one goes. A user's tag IKR:DELETE_AFTER_DAYS comes before it."
  type        = number
  default     = 5

  validation {
    condition     = var.delete_after_days >= 1 && var.delete_after_days <= 3650 && floor(var.delete_after_days) == var.delete_after_days
    error_message = "delete_after_days is a whole number, 1 to 3650."
  }
}

variable "retry_after_mins" {
  description = "How long to wait before an old key that could not go is looked at again."
  type        = number
  default     = 5

  validation {
    condition     = var.retry_after_mins >= 1 && var.retry_after_mins <= 10080 && floor(var.retry_after_mins) == var.retry_after_mins
    error_message = "retry_after_mins is a whole number, 1 to 10080."
  }
}

variable "encrypt_key_pair" {
  description = "Mail the new key encrypted (Fernet, with the key in the SSM parameter /ikr/secret/iam/USER)."
  type        = bool
  default     = true
}

variable "mail_client" {
  description = "How mails go: ses, smtp or mailgun."
  type        = string
  default     = "ses"

  validation {
    condition     = contains(["ses", "smtp", "mailgun"], var.mail_client)
    error_message = "mail_client is ses, smtp or mailgun."
  }
}

variable "mail_from" {
  description = "The address that mails come from, without a name. The mail service must know it."
  type        = string

  validation {
    condition     = can(regex("^[^@\\s<>\"',;:()\\[\\]\\\\]+@([A-Za-z0-9-]+\\.)+[A-Za-z0-9-]+$", var.mail_from))
    error_message = "mail_from is one mail address, such as keys@example.com, without a name beside it."
  }
}

variable "mail_allowed_domains" {
  description = "Domains that keys may be mailed to, such as `example.com`, or `*.example.org` for what is below it: whoever may tag a user chooses the address. `*` allows all. New in keyturn, and required."
  type        = list(string)

  validation {
    condition     = length(var.mail_allowed_domains) > 0
    error_message = "Name the domains that keys may be mailed to; [\"*\"] allows all."
  }
}

variable "smtp_protocol" {
  description = "How the SMTP server is spoken to: ssl (TLS from the start) or tls (STARTTLS)."
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

  validation {
    condition     = var.mail_client != "smtp" || var.smtp_server != null
    error_message = "mail_client is smtp: smtp_server is needed."
  }
}

variable "smtp_user" {
  description = "Whom the SMTP server knows; null = mail_from."
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

  validation {
    condition     = var.smtp_password_parameter == null ? true : can(regex("^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", var.smtp_password_parameter))
    error_message = "smtp_password_parameter is the name of an SSM parameter, such as /ikr/secret/smtp."
  }
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

  validation {
    condition     = var.mail_client != "mailgun" || var.mailgun_api_url != null
    error_message = "mail_client is mailgun: mailgun_api_url is needed."
  }
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

  validation {
    condition     = var.mailgun_api_key_parameter == null ? true : can(regex("^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", var.mailgun_api_key_parameter))
    error_message = "mailgun_api_key_parameter is the name of an SSM parameter, such as /ikr/secret/mailgun."
  }
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
  description = "The functions look at users below this IAM path alone, such as /ci/, and their roles may reach no others."
  type        = string
  default     = "/"

  validation {
    condition     = can(regex("^/([A-Za-z0-9+=,.@_-]+/)*$", var.user_path))
    error_message = "A path of IAM begins and ends with a slash, such as /ci/; wildcards do not stand in it."
  }
}

variable "large_account" {
  description = "Let the creator list the users of an account of more than a hundred at once, with a credential report: three permissions that know no resources, and far fewer calls."
  type        = bool
  default     = false
}

variable "more_permissions" {
  description = "A policy document (JSON) that both roles get besides: what `keyturn policy --config keyturn.yaml` prints, where keyturn_config names other targets than mail or a policy that deactivates keys; kms:Decrypt where a parameter of yours has a key of yours."
  type        = string
  default     = null

  validation {
    condition     = var.more_permissions == null ? true : can(jsondecode(var.more_permissions).Statement[0].Effect)
    error_message = "more_permissions is an IAM policy document in JSON, with a list of statements."
  }
}

variable "alarm_key_age_days" {
  description = "An alarm when an Active key of the users that are looked at is older than this many days; null = none."
  type        = number
  default     = null
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
