variable "package" {
  description = "Where the functions' packages are: `{ folder = \"…/dist-lambda\" }` with planner.zip and worker.zip in it, or `{ bucket = \"…\", planner = { key, hash }, worker = { key, hash } }`, hash = base64 of the zip's SHA-256, version = optionally the object's version."
  type = object({
    folder = optional(string)
    bucket = optional(string)
    planner = optional(object({
      key     = string
      hash    = string
      version = optional(string)
    }))
    worker = optional(object({
      key     = string
      hash    = string
      version = optional(string)
    }))
  })

  validation {
    condition     = (var.package.folder == null) != (var.package.bucket == null)
    error_message = "Give either package.folder, or package.bucket with package.planner and package.worker."
  }

  validation {
    condition     = var.package.bucket == null || (var.package.planner != null && var.package.worker != null)
    error_message = "package.bucket needs package.planner and package.worker, each with key and hash."
  }
}

variable "name" {
  description = "What the names of everything begin with that is made here."
  type        = string
  default     = "keyturn"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.name))
    error_message = "name has up to 20 characters: small letters, digits and hyphens, a letter first. A bucket is called by it, too."
  }
}

variable "keyturn_config" {
  description = "The settings, as keyturn.yaml has them, with organization: or accounts: in them: the text itself (Lambda gives all variables together 4 KB), or ssm:/NAME:VERSION, or s3://BUCKET/KEY?versionId=…; see docs/lambda.md."
  type        = string

  validation {
    condition = (
      can(regex("^(ssm|s3):", var.keyturn_config))
      ? can(regex("^(ssm:/?[A-Za-z0-9_./-]+(:[0-9]+|(:[0-9]+)?#sha256=[0-9a-fA-F]{64})|s3://[^/?#\\s]+/[^?#\\s]+(\\?versionId=[^#\\s]+|(\\?versionId=[^#\\s]+)?#sha256=[0-9a-fA-F]{64}))$", var.keyturn_config))
      : can(regex("(?m)^[{]?\\s*[\"']?(organization|accounts)\\b", var.keyturn_config)) && length(var.keyturn_config) <= 3500
    )
    error_message = "keyturn_config is pinned (ssm:/keyturn/config:3, s3://BUCKET/KEY?versionId=ID, or either with #sha256=HASH), or the text itself with organization: or accounts: in it, up to 3500 characters."
  }
}

variable "config_kms_key_arn" {
  description = "ARN of the customer managed key that the configuration is encrypted with, where it is fetched."
  type        = string
  default     = null
}

variable "member_roles" {
  description = "The roles that workers may assume: names, with their path where they have one, or ARNs in which `*` may stand for the account."
  type        = list(string)
  default     = ["KeyturnMember"]

  validation {
    condition = length(var.member_roles) > 0 && alltrue([
      for role in var.member_roles : can(regex("^(arn:(aws|aws-us-gov|aws-cn):iam::([0-9]{12}|\\*):role/)?([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,64}$", role))
    ])
    error_message = "member_roles are names of roles, such as KeyturnMember or service/KeyturnMember, or ARNs such as arn:aws:iam::*:role/KeyturnMember. No wildcard stands in a role's name: it would let workers into roles that have nothing to do with keyturn."
  }
}

variable "organization_id" {
  description = "Id of the organization (o-…): workers assume no role outside of it, whatever its trust policy says. Null, written out, where there is none."
  type        = string

  validation {
    condition     = var.organization_id == null ? true : can(regex("^o-[a-z0-9]{10,32}$", var.organization_id))
    error_message = "The id of an organization looks like o-a1b2c3d4e5: aws organizations describe-organization shows it."
  }
}

variable "ask_organizations" {
  description = "Whether AWS Organizations is asked for the accounts; false where keyturn.yaml lists them under accounts:."
  type        = bool
  default     = true
}

variable "list_as_role_arn" {
  description = "ARN of the role by which Organizations is asked: listAs in keyturn.yaml. Null = as the functions themselves, in the management account or in a delegated administrator."
  type        = string
  default     = null

  validation {
    condition     = var.list_as_role_arn == null ? true : can(regex("^arn:(aws|aws-us-gov|aws-cn):iam::[0-9]{12}:role/([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,64}$", var.list_as_role_arn))
    error_message = "list_as_role_arn is the ARN of a role, such as arn:aws:iam::111122223333:role/KeyturnList."
  }

  validation {
    condition     = var.list_as_role_arn == null || var.ask_organizations
    error_message = "list_as_role_arn is for asking Organizations, which ask_organizations = false rules out."
  }
}

variable "central_role_arn" {
  description = "ARN of the role in the account where secrets go: central.role in keyturn.yaml. Null = none is assumed for that."
  type        = string
  default     = null

  validation {
    condition     = var.central_role_arn == null ? true : can(regex("^arn:(aws|aws-us-gov|aws-cn):iam::[0-9]{12}:role/([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,64}$", var.central_role_arn))
    error_message = "central_role_arn is the ARN of a role, such as arn:aws:iam::111122223333:role/KeyturnCentral."
  }
}

variable "source_identity" {
  description = "Whether workers may set the id of the run as source identity, as sourceIdentity in keyturn.yaml says: run or none."
  type        = string
  default     = "none"

  validation {
    condition     = contains(["none", "run"], var.source_identity)
    error_message = "source_identity is none or run."
  }
}

variable "more_permissions" {
  description = "A policy document (JSON) that the workers' role gets besides: what `keyturn policy --config keyturn.yaml --account ID` prints for the central account, where secrets, escrow or mail are in this one."
  type        = string
  default     = null

  validation {
    condition     = var.more_permissions == null ? true : can(jsondecode(var.more_permissions).Statement[0].Effect)
    error_message = "more_permissions is an IAM policy document in JSON, with a list of statements."
  }
}

variable "dry_run" {
  description = "Whether workers only look: nothing is changed, and the results say what would be done."
  type        = bool
  default     = false
}

variable "enabled" {
  description = "Whether the schedule begins runs. False = only who invokes the planner does."
  type        = bool
  default     = true
}

variable "schedule_expression" {
  description = "When a run begins: an [expression of EventBridge Scheduler](https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html), such as rate(1 day) or cron(0 6 * * ? *)."
  type        = string
  default     = "rate(1 day)"

  validation {
    condition     = can(regex("^(rate\\([1-9][0-9]* (minute|hour|day)s?\\)|cron\\(\\S+( \\S+){5}\\))$", var.schedule_expression))
    error_message = "schedule_expression is rate(1 day), or cron(0 6 * * ? *) with six fields."
  }
}

variable "schedule_timezone" {
  description = "Time zone of a cron expression."
  type        = string
  default     = "UTC"
}

variable "flexible_window_minutes" {
  description = "A run begins within so many minutes of its time; 0 = at its time."
  type        = number
  default     = 15

  validation {
    condition     = var.flexible_window_minutes >= 0 && var.flexible_window_minutes <= 1440 && floor(var.flexible_window_minutes) == var.flexible_window_minutes
    error_message = "flexible_window_minutes is a whole number, 0 to 1440."
  }
}

variable "maximum_concurrency" {
  description = "How many workers there are at one time, which is how many accounts are worked in."
  type        = number
  default     = 10

  validation {
    condition     = var.maximum_concurrency >= 2 && var.maximum_concurrency <= 1000 && floor(var.maximum_concurrency) == var.maximum_concurrency
    error_message = "maximum_concurrency is a whole number, 2 to 1000: Lambda allows no less than two."
  }
}

variable "max_receive_count" {
  description = "How often an account is given to a worker before it is given up on."
  type        = number
  default     = 5

  validation {
    condition     = var.max_receive_count >= 2 && var.max_receive_count <= 100 && floor(var.max_receive_count) == var.max_receive_count
    error_message = "max_receive_count is a whole number, 2 to 100. Lambda receives messages that it then has no worker for: few tries would give up on accounts that nobody looked at."
  }
}

variable "redrive_principal_arns" {
  description = "Who may move accounts that were given up on back into the queue: ARNs of roles or users, with wildcards where their names have a random part. Everybody else but the functions is denied to send to the queue."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.redrive_principal_arns : can(regex("^arn:(aws|aws-us-gov|aws-cn):iam::[0-9]{12}:(role|user)/[A-Za-z0-9+=,.@_/*?-]*[A-Za-z0-9+=,.@_/-][A-Za-z0-9+=,.@_/*?-]*$", arn))])
    error_message = "redrive_principal_arns are ARNs of roles or users of a named account, such as arn:aws:iam::111122223333:role/operators."
  }
}

variable "lambda_runtime" {
  description = "Runtime of both functions: nodejs22.x or later."
  type        = string
  default     = "nodejs22.x"

  validation {
    condition     = can(regex("^nodejs(2[2-9]|[3-9][0-9])\\.x$", var.lambda_runtime))
    error_message = "The functions run on Node.js: nodejs22.x or later."
  }
}

variable "function_memory_size" {
  description = "Memory of both functions in MB."
  type        = number
  default     = 512
}

variable "function_timeout" {
  description = "Time limit of both functions in seconds. A worker begins no user that it could not finish in time, which may take three minutes, and hands the rest of its account on. Messages stay out of sight for six times as long."
  type        = number
  default     = 900

  validation {
    condition     = var.function_timeout >= 300 && var.function_timeout <= 900 && floor(var.function_timeout) == var.function_timeout
    error_message = "One user may take three minutes: function_timeout is 300 to 900 seconds."
  }
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

variable "lambda_kms_key_arn" {
  description = "ARN of a KMS key for the functions' environment. Null = AWS's own."
  type        = string
  default     = null
}

variable "queue_kms_key_arn" {
  description = "ARN of a KMS key for the queue of accounts and its dead-letter queue. Null = SQS's own."
  type        = string
  default     = null
}

variable "results_bucket" {
  description = "Name of a bucket of this account that results go to. Null = one is made: private, encrypted, versioned, by TLS alone."
  type        = string
  default     = null

  validation {
    condition     = var.results_bucket == null ? true : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.results_bucket))
    error_message = "results_bucket is the name of a bucket."
  }
}

variable "results_prefix" {
  description = "What the keys of results begin with in the bucket, without a slash at either end."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*)?$", var.results_prefix))
    error_message = "results_prefix is made of letters, digits, _.- and slashes between them, such as keyturn/results."
  }
}

variable "results_retention_days" {
  description = "How many days results are kept in the bucket that is made."
  type        = number
  default     = 400

  validation {
    condition     = var.results_retention_days >= 1 && floor(var.results_retention_days) == var.results_retention_days
    error_message = "results_retention_days is a whole number from 1 on."
  }
}

variable "results_kms_key_arn" {
  description = "ARN of the KMS key that the bucket encrypts results with, its own or that of an existing one. Null = S3's own."
  type        = string
  default     = null
}

variable "results_force_destroy" {
  description = "Whether terraform destroy deletes the bucket that was made together with the results in it."
  type        = bool
  default     = false
}

variable "cw_log_group_retention" {
  description = "How many days logs are kept. The audit is in them."
  type        = number
  default     = 400
}

variable "cw_logs_kms_key_arn" {
  description = "ARN of a KMS key for the logs."
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
}

variable "alarm_age_hours" {
  description = "An alarm when an account waits for a worker for longer than so many hours."
  type        = number
  default     = 6

  validation {
    condition     = var.alarm_age_hours > 0 && var.alarm_age_hours <= 96
    error_message = "alarm_age_hours is up to 96: messages are kept for four days."
  }
}

variable "missing_after_hours" {
  description = "An alarm when no run began for so many hours; more than the schedule lets pass between two. Null = none."
  type        = number
  default     = 26

  validation {
    condition     = var.missing_after_hours == null ? true : (var.missing_after_hours >= 1 && var.missing_after_hours <= 168 && floor(var.missing_after_hours) == var.missing_after_hours)
    error_message = "missing_after_hours is a whole number, 1 to 168: CloudWatch looks back a week at most."
  }

  validation {
    condition     = var.missing_after_hours == null ? true : var.missing_after_hours * 60 > try(tonumber(regex("^rate\\(([0-9]+) ", var.schedule_expression)[0]) * { minute = 1, hour = 60, day = 1440 }[regex("^rate\\([0-9]+ (minute|hour|day)", var.schedule_expression)[0]], 0) + var.flexible_window_minutes
    error_message = "missing_after_hours is shorter than the time between two runs of schedule_expression: the alarm would never rest."
  }
}

variable "tags" {
  description = "Tags of everything that is made here."
  type        = map(string)
  default     = {}
}
