# Keys in all accounts of an organization: a schedule starts the planner, which puts one message for each account into a queue, and
# workers take them from there.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  account   = data.aws_caller_identity.current.account_id
  region    = data.aws_region.current.id

  names   = { planner = "${var.name}-planner", worker = "${var.name}-worker" }
  objects = { planner = var.package.planner, worker = var.package.worker }

  code = { for name, object in local.objects : name => var.package.folder != null ? {
    filename = "${var.package.folder}/${name}.zip"
    bucket   = null
    key      = null
    version  = null
    hash     = filebase64sha256("${var.package.folder}/${name}.zip")
    } : {
    filename = null
    bucket   = var.package.bucket
    key      = object.key
    version  = object.version
    hash     = object.hash
  } }

  results = join("/", compact(["s3://${local.results_bucket}", var.results_prefix]))

  environment = {
    KEYTURN_CONFIG  = var.keyturn_config
    KEYTURN_QUEUE   = aws_sqs_queue.work.url
    KEYTURN_RESULTS = local.results
  }
}

resource "aws_cloudwatch_log_group" "planner" {
  name              = "/aws/lambda/${local.names.planner}"
  retention_in_days = var.cw_log_group_retention
  kms_key_id        = var.cw_logs_kms_key_arn
  tags              = var.tags
}

resource "aws_cloudwatch_log_group" "worker" {
  name              = "/aws/lambda/${local.names.worker}"
  retention_in_days = var.cw_log_group_retention
  kms_key_id        = var.cw_logs_kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_function" "planner" {
  function_name     = local.names.planner
  description       = "Finds the accounts of a run, and puts each of them into the queue"
  role              = aws_iam_role.planner.arn
  filename          = local.code.planner.filename
  s3_bucket         = local.code.planner.bucket
  s3_key            = local.code.planner.key
  s3_object_version = local.code.planner.version
  source_code_hash  = local.code.planner.hash
  handler           = "index.handler"
  runtime           = var.lambda_runtime
  architectures     = ["arm64"]
  memory_size       = var.function_memory_size
  timeout           = var.function_timeout
  kms_key_arn       = var.lambda_kms_key_arn
  tags              = var.tags

  environment {
    variables = local.environment
  }

  tracing_config {
    mode = var.xray_tracing_mode
  }

  depends_on = [aws_cloudwatch_log_group.planner, aws_iam_role_policy.planner]
}

resource "aws_lambda_function" "worker" {
  function_name     = local.names.worker
  description       = "Rotates the access keys of one account"
  role              = aws_iam_role.worker.arn
  filename          = local.code.worker.filename
  s3_bucket         = local.code.worker.bucket
  s3_key            = local.code.worker.key
  s3_object_version = local.code.worker.version
  source_code_hash  = local.code.worker.hash
  handler           = "index.handler"
  runtime           = var.lambda_runtime
  architectures     = ["arm64"]
  memory_size       = var.function_memory_size
  timeout           = var.function_timeout
  kms_key_arn       = var.lambda_kms_key_arn
  tags              = var.tags

  environment {
    variables = merge(local.environment, { for name, value in { DRY_RUN = "true" } : name => value if var.dry_run })
  }

  tracing_config {
    mode = var.xray_tracing_mode
  }

  depends_on = [aws_cloudwatch_log_group.worker, aws_iam_role_policy.worker]
}

resource "aws_scheduler_schedule" "planner" {
  name                         = local.names.planner
  description                  = "Begins a run over the accounts"
  schedule_expression          = var.schedule_expression
  schedule_expression_timezone = var.schedule_timezone
  state                        = var.enabled ? "ENABLED" : "DISABLED"

  flexible_time_window {
    mode                      = var.flexible_window_minutes == 0 ? "OFF" : "FLEXIBLE"
    maximum_window_in_minutes = var.flexible_window_minutes == 0 ? null : var.flexible_window_minutes
  }

  target {
    arn      = aws_lambda_function.planner.arn
    role_arn = aws_iam_role.schedule.arn

    dead_letter_config {
      arn = aws_sqs_queue.failed.arn
    }

    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 3
    }
  }

  depends_on = [aws_iam_role_policy.schedule]
}

# Lambda repeats the same request, and its id is the run's: a planner that is called again goes on with the run, and begins no second one.
resource "aws_lambda_function_event_invoke_config" "planner" {
  function_name                = aws_lambda_function.planner.function_name
  maximum_event_age_in_seconds = 3600
  maximum_retry_attempts       = 2

  destination_config {
    on_failure {
      destination = aws_sqs_queue.failed.arn
    }
  }

  depends_on = [aws_iam_role_policy.planner]
}

# One account at a time: with more of them in a call, one that takes long would take the time of the others.
resource "aws_lambda_event_source_mapping" "worker" {
  event_source_arn        = aws_sqs_queue.work.arn
  function_name           = aws_lambda_function.worker.arn
  batch_size              = 1
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.maximum_concurrency
  }

  depends_on = [aws_iam_role_policy.worker]
}
