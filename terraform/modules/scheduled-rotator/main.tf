data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  functions = {
    creator    = { name = var.key_creator_function_name, package = var.package.creator }
    destructor = { name = var.key_destructor_function_name, package = var.package.destructor }
  }

  smtp_parameter    = var.mail_client != "smtp" ? null : coalesce(var.smtp_password_parameter, "/ikr/secret/smtp")
  mailgun_parameter = var.mail_client != "mailgun" ? null : coalesce(var.mailgun_api_key_parameter, "/ikr/secret/mailgun")

  # Lambda sets AWS_REGION itself. What is null is left out.
  environment = { for name, value in {
    IAM_KEY_ROTATOR_TABLE   = var.table_name
    ACCOUNT_ID              = data.aws_caller_identity.current.account_id
    ROTATE_AFTER_DAYS       = tostring(var.rotate_after_days)
    DELETE_AFTER_DAYS       = tostring(var.delete_after_days)
    RETRY_AFTER_MINS        = tostring(var.retry_after_mins)
    ENCRYPT_KEY_PAIR        = tostring(var.encrypt_key_pair)
    MAIL_CLIENT             = var.mail_client
    MAIL_FROM               = var.mail_from
    MAIL_ALLOWED_DOMAINS    = join(",", var.mail_allowed_domains)
    SMTP_PROTOCOL           = var.smtp_protocol
    SMTP_PORT               = var.smtp_port == null ? null : tostring(var.smtp_port)
    SMTP_SERVER             = var.smtp_server
    SMTP_USER               = var.smtp_user
    SMTP_PASSWORD_PARAMETER = local.smtp_parameter
    MAILGUN_API_URL         = var.mailgun_api_url
    MAILGUN_API_KEY_NAME    = local.mailgun_parameter
    USER_PATH               = var.user_path == "/" ? null : var.user_path
    KEYTURN_CONFIG          = var.keyturn_config
  } : name => value if value != null }
}

# The timer: when an item's time to live is over, its removal wakes the destructor.
resource "aws_dynamodb_table" "iam_key_rotator" {
  name             = var.table_name
  billing_mode     = "PAY_PER_REQUEST"
  hash_key         = "user"
  range_key        = "ak"
  stream_enabled   = true
  stream_view_type = "OLD_IMAGE"
  tags             = var.tags

  attribute {
    name = "user"
    type = "S"
  }

  attribute {
    name = "ak"
    type = "S"
  }

  ttl {
    attribute_name = "delete_on"
    enabled        = true
  }

  server_side_encryption {
    enabled     = var.enable_sse
    kms_key_arn = var.kms_key_arn
  }

  point_in_time_recovery {
    enabled = var.enable_pitr
  }
}

# What Lambda or the schedule gave up on waits here for a person. The next scheduled run does the work all the same.
resource "aws_sqs_queue" "failed" {
  name                      = "${var.key_creator_function_name}-failed"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  tags                      = var.tags
}

resource "aws_cloudwatch_log_group" "creator" {
  name              = "/aws/lambda/${var.key_creator_function_name}"
  retention_in_days = var.cw_log_group_retention
  kms_key_id        = var.cw_logs_kms_key_arn
  tags              = var.tags
}

resource "aws_cloudwatch_log_group" "destructor" {
  name              = "/aws/lambda/${var.key_destructor_function_name}"
  retention_in_days = var.cw_log_group_retention
  kms_key_id        = var.cw_logs_kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_function" "iam_key_creator" {
  function_name                  = var.key_creator_function_name
  description                    = "Rotates the access keys of IAM users that their tags opt in"
  role                           = aws_iam_role.iam_key_creator.arn
  filename                       = local.code.creator.filename
  s3_bucket                      = local.code.creator.bucket
  s3_key                         = local.code.creator.key
  s3_object_version              = local.code.creator.version
  source_code_hash               = local.code.creator.hash
  handler                        = "index.handler"
  runtime                        = var.lambda_runtime
  architectures                  = ["arm64"]
  memory_size                    = var.function_memory_size
  timeout                        = var.function_timeout
  reserved_concurrent_executions = var.reserved_concurrent_executions
  kms_key_arn                    = var.lambda_kms_key_arn
  tags                           = var.tags

  environment {
    variables = local.environment
  }

  tracing_config {
    mode = var.xray_tracing_mode
  }

  depends_on = [aws_cloudwatch_log_group.creator, aws_iam_role_policy.iam_key_creator_policy]
}

resource "aws_lambda_function" "iam_key_destructor" {
  function_name                  = var.key_destructor_function_name
  description                    = "Retires old access keys whose time has come"
  role                           = aws_iam_role.iam_key_destructor.arn
  filename                       = local.code.destructor.filename
  s3_bucket                      = local.code.destructor.bucket
  s3_key                         = local.code.destructor.key
  s3_object_version              = local.code.destructor.version
  source_code_hash               = local.code.destructor.hash
  handler                        = "index.handler"
  runtime                        = var.lambda_runtime
  architectures                  = ["arm64"]
  memory_size                    = var.function_memory_size
  timeout                        = var.function_timeout
  reserved_concurrent_executions = var.reserved_concurrent_executions
  kms_key_arn                    = var.lambda_kms_key_arn
  tags                           = var.tags

  environment {
    variables = local.environment
  }

  tracing_config {
    mode = var.xray_tracing_mode
  }

  depends_on = [aws_cloudwatch_log_group.destructor, aws_iam_role_policy.iam_key_destructor_policy]
}

locals {
  code = { for role, function in local.functions : role => var.package.folder != null ? {
    filename = "${var.package.folder}/${role}.zip"
    bucket   = null
    key      = null
    version  = null
    hash     = filebase64sha256("${var.package.folder}/${role}.zip")
    } : {
    filename = null
    bucket   = var.package.bucket
    key      = function.package.key
    version  = function.package.version
    hash     = function.package.hash
  } }
}

resource "aws_scheduler_schedule" "iam_key_creator" {
  name                         = "IAMAccessKeyCreator"
  description                  = "Looks at the access keys of IAM users"
  schedule_expression          = "cron(${var.cron_expression})"
  schedule_expression_timezone = "UTC"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.iam_key_creator.arn
    role_arn = aws_iam_role.schedule.arn

    dead_letter_config {
      arn = aws_sqs_queue.failed.arn
    }

    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 3
    }
  }
}

# A run that failed is repeated once; what it did is not done again, for each run looks at what there is.
resource "aws_lambda_function_event_invoke_config" "iam_key_creator" {
  function_name                = aws_lambda_function.iam_key_creator.function_name
  maximum_event_age_in_seconds = 3600
  maximum_retry_attempts       = 1

  destination_config {
    on_failure {
      destination = aws_sqs_queue.failed.arn
    }
  }

  depends_on = [aws_iam_role_policy.iam_key_creator_policy]
}

resource "aws_lambda_event_source_mapping" "iam_key_destructor" {
  event_source_arn                   = aws_dynamodb_table.iam_key_rotator.stream_arn
  function_name                      = aws_lambda_function.iam_key_destructor.arn
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = 10
  maximum_retry_attempts             = 5
  maximum_record_age_in_seconds      = 21600
  bisect_batch_on_function_error     = true
  function_response_types            = ["ReportBatchItemFailures"]
  maximum_batching_window_in_seconds = 5

  # Only what the time to live removed; the function looks once more itself.
  filter_criteria {
    filter {
      pattern = jsonencode({
        eventName    = ["REMOVE"]
        userIdentity = { type = ["Service"], principalId = ["dynamodb.amazonaws.com"] }
      })
    }
  }

  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.failed.arn
    }
  }

  depends_on = [aws_iam_role_policy.iam_key_destructor_policy]
}

resource "aws_ssm_parameter" "smtp" {
  count            = var.mail_client == "smtp" && var.smtp_password_parameter == null ? 1 : 0
  name             = local.smtp_parameter
  description      = "Password of ${var.mail_from} at the SMTP server"
  type             = "SecureString"
  value_wo         = var.smtp_password
  value_wo_version = var.smtp_password_version
  tags             = var.tags

  lifecycle {
    precondition {
      condition     = var.smtp_password != null
      error_message = "mail_client is smtp: give smtp_password, or the name of a parameter of yours as smtp_password_parameter."
    }
  }
}

resource "aws_ssm_parameter" "mailgun" {
  count            = var.mail_client == "mailgun" && var.mailgun_api_key_parameter == null ? 1 : 0
  name             = local.mailgun_parameter
  description      = "API key for Mailgun"
  type             = "SecureString"
  value_wo         = var.mailgun_api_key
  value_wo_version = var.mailgun_api_key_version
  tags             = var.tags

  lifecycle {
    precondition {
      condition     = var.mailgun_api_key != null
      error_message = "mail_client is mailgun: give mailgun_api_key, or the name of a parameter of yours as mailgun_api_key_parameter."
    }
  }
}
