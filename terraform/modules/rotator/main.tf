# Two functions: Secrets Manager calls one of them to rotate a secret, a schedule calls the other to retire the keys that were
# replaced. Resources that aws-accesskey-rotator had keep its addresses and names, so that its state is taken over as it is.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  rotate_name  = "rotateAccessKey${var.name_suffix}"
  cleanup_name = "cleanupAccessKey${var.name_suffix}"

  # What is null is left out: then the functions have defaults of their own.
  environment = { for name, value in {
    KEYTURN_FIELDS       = var.secret_fields
    KEYTURN_TAG          = "${var.tag.key}=${var.tag.value}"
    KEYTURN_ROLE_ARN     = try(var.users_role.arn, null)
    KEYTURN_EXTERNAL_ID  = try(var.users_role.external_id, null)
    KEYTURN_TEST_BUCKET  = try(var.test_object.bucket, null)
    KEYTURN_TEST_KEY     = try(var.test_object.key, null)
    KEYTURN_TEST_REGION  = try(var.test_object.region, null)
    KEYTURN_RETIRE       = var.retire
    KEYTURN_QUIET        = var.quiet
    KEYTURN_REMIND_AFTER = var.remind_after
    KEYTURN_DELETE_AFTER = var.delete_after
    KEYTURN_DRY_RUN      = var.dry_run ? "true" : null
    DEBUG                = var.debug ? "true" : null
  } : name => value if value != null }

  objects = { rotate-secret = var.package.rotate_secret, cleanup-secrets = var.package.cleanup_secrets }

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
}

resource "aws_lambda_function" "rotate_lambda" {
  function_name     = local.rotate_name
  description       = "Rotates the access key that a secret holds, step by step, as Secrets Manager calls it"
  role              = aws_iam_role.rotate_lambda_role.arn
  filename          = local.code["rotate-secret"].filename
  s3_bucket         = local.code["rotate-secret"].bucket
  s3_key            = local.code["rotate-secret"].key
  s3_object_version = local.code["rotate-secret"].version
  source_code_hash  = local.code["rotate-secret"].hash
  handler           = "index.handler"
  runtime           = var.lambda_runtime
  architectures     = ["arm64"]
  memory_size       = var.lambda_memory_size
  kms_key_arn       = var.lambda_kms_key_arn
  tags              = var.tags

  # A step may have to wait for the end of a call that died: four minutes, and then the step itself.
  timeout = 900

  environment {
    variables = local.environment
  }

  depends_on = [aws_cloudwatch_log_group.rotate_cloudwatch_log_group, aws_iam_role_policy_attachment.rotate_lambda_policy_attachment]
}

resource "aws_lambda_permission" "allow_secret_manager_call_rotate_lambda" {
  function_name  = aws_lambda_function.rotate_lambda.function_name
  action         = "lambda:InvokeFunction"
  principal      = "secretsmanager.amazonaws.com"
  source_account = data.aws_caller_identity.current.account_id

  # One from before lacks the account, and another one takes its place: no rotation in between may be refused.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "rotate_cloudwatch_log_group" {
  name              = "/aws/lambda/${local.rotate_name}"
  retention_in_days = var.cloudwatch_retention_days
  kms_key_id        = var.cloudwatch_kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_function" "cleanup_lambda" {
  function_name     = local.cleanup_name
  description       = "Retires access keys that a rotation replaced, once nobody uses them"
  role              = aws_iam_role.cleanup_lambda_role.arn
  filename          = local.code["cleanup-secrets"].filename
  s3_bucket         = local.code["cleanup-secrets"].bucket
  s3_key            = local.code["cleanup-secrets"].key
  s3_object_version = local.code["cleanup-secrets"].version
  source_code_hash  = local.code["cleanup-secrets"].hash
  handler           = "index.handler"
  runtime           = var.lambda_runtime
  architectures     = ["arm64"]
  memory_size       = var.lambda_memory_size
  timeout           = 900
  kms_key_arn       = var.lambda_kms_key_arn
  tags              = var.tags

  environment {
    variables = local.environment
  }

  depends_on = [aws_cloudwatch_log_group.cleanup_cloudwatch_log_group, aws_iam_role_policy_attachment.cleanup_lambda_policy_attachment]
}

resource "aws_cloudwatch_log_group" "cleanup_cloudwatch_log_group" {
  name              = "/aws/lambda/${local.cleanup_name}"
  retention_in_days = var.cloudwatch_retention_days
  kms_key_id        = var.cloudwatch_kms_key_arn
  tags              = var.tags
}

# A cleanup that failed is repeated once; the next one on schedule looks at what there is in any case.
resource "aws_lambda_function_event_invoke_config" "cleanup_lambda" {
  function_name                = aws_lambda_function.cleanup_lambda.function_name
  maximum_event_age_in_seconds = 3600
  maximum_retry_attempts       = 1
}

resource "aws_scheduler_schedule" "cleanup" {
  name                = local.cleanup_name
  description         = "Every ${var.cleanup_lambda_run_rate}: retires access keys that were replaced"
  schedule_expression = "rate(${var.cleanup_lambda_run_rate})"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.cleanup_lambda.arn
    role_arn = aws_iam_role.schedule.arn

    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 3
    }
  }

  depends_on = [aws_iam_role_policy.schedule]
}
