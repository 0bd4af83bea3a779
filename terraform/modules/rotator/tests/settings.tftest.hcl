# What the settings make of policies, environment and alarms, and what is refused. Against a provider that only pretends: no account,
# no credentials, no package.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = {
      id = "eu-west-1"
    }
  }

  mock_data "aws_caller_identity" {
    defaults = {
      account_id = "111122223333"
    }
  }

  mock_data "aws_partition" {
    defaults = {
      partition = "aws"
    }
  }

  # What plans cannot know, and policies need the form of.
  override_during = plan

  mock_resource "aws_cloudwatch_log_group" {
    defaults = {
      arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/function"
    }
  }

  mock_resource "aws_lambda_function" {
    defaults = {
      arn = "arn:aws:lambda:eu-west-1:111122223333:function:function"
    }
  }

  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::111122223333:role/role"
    }
  }

  mock_resource "aws_iam_policy" {
    defaults = {
      arn = "arn:aws:iam::111122223333:policy/policy"
    }
  }
}

variables {
  package = {
    bucket          = "packages"
    rotate_secret   = { key = "rotate-secret.zip", hash = "cm90YXRl" }
    cleanup_secrets = { key = "cleanup-secrets.zip", hash = "Y2xlYW51cA==", version = "v1" }
  }
}

run "names_are_those_of_the_module_before" {
  command = plan

  assert {
    condition = (
      aws_lambda_function.rotate_lambda.function_name == "rotateAccessKey" &&
      aws_lambda_function.cleanup_lambda.function_name == "cleanupAccessKey" &&
      aws_iam_role.rotate_lambda_role.name == "RotateAccessKeyLambdaRole" &&
      aws_iam_policy.rotate_lambda_policy.name == "RotateAccessKeyLambdaPolicy" &&
      aws_iam_role.cleanup_lambda_role.name == "CleanupAccessKeyLambdaRole" &&
      aws_iam_policy.cleanup_lambda_policy.name == "CleanupAccessKeyLambdaPolicy"
    )
    error_message = "names are kept"
  }

  assert {
    condition = alltrue([for group in [aws_cloudwatch_log_group.rotate_cloudwatch_log_group, aws_cloudwatch_log_group.cleanup_cloudwatch_log_group] :
    group.retention_in_days == 30 && contains(["/aws/lambda/rotateAccessKey", "/aws/lambda/cleanupAccessKey"], group.name)])
    error_message = "logs are kept for thirty days"
  }

  assert {
    condition     = aws_scheduler_schedule.cleanup.schedule_expression == "rate(24 hours)" && length(aws_cloudwatch_metric_alarm.silent) == 1
    error_message = "a cleanup a day, and an alarm where there is none"
  }

  assert {
    condition     = aws_lambda_permission.allow_secret_manager_call_rotate_lambda.source_account == "111122223333" && aws_lambda_permission.allow_secret_manager_call_rotate_lambda.principal == "secretsmanager.amazonaws.com"
    error_message = "only Secrets Manager may call, for this account"
  }

  assert {
    condition     = aws_lambda_function.cleanup_lambda.s3_bucket == "packages" && aws_lambda_function.cleanup_lambda.s3_object_version == "v1" && aws_lambda_function.rotate_lambda.source_code_hash == "cm90YXRl"
    error_message = "packages come from the bucket"
  }

  assert {
    condition     = local.environment == { KEYTURN_TAG = "Rotatable=true", KEYTURN_RETIRE = "idle" }
    error_message = "what is not set is left to the functions"
  }

  assert {
    condition     = join(" ", [for statement in local.needed["rotate-secret"] : statement.Sid]) == "RotateSecrets ReadUsers ReadLastUse RotateKeys KeepTheRecord"
    error_message = "neither a KMS key nor a role is needed"
  }

  assert {
    condition = alltrue([for statement in concat(local.needed["rotate-secret"], local.needed["cleanup-secrets"]) :
      try(statement.Condition.StringEquals["aws:ResourceTag/Rotatable"] == ["true"], false) ||
      try(statement.Condition.StringEquals["iam:ResourceTag/Rotatable"] == ["true"], false) ||
    contains(["ReadUsers", "ReadLastUse", "FindSecrets"], statement.Sid)])
    error_message = "whatever is touched bears the tag"
  }

  assert {
    condition     = output.users_policy == null
    error_message = "no other account is asked"
  }
}

run "users_in_another_account" {
  command = plan

  variables {
    users_role          = { arn = "arn:aws:iam::999988887777:role/keyturn", external_id = "word" }
    secret_kms_key_arns = ["arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"]
    tag                 = { key = "team", value = "blue" }
    secret_fields       = "AccessKeyId=accessKeyId&SecretAccessKey=secretAccessKey&UserName=userName"
    test_object         = { bucket = "probe-bucket", key = "probe" }
    lambda_kms_key_arn  = "arn:aws:kms:eu-west-1:111122223333:key/0000abcd-12ab-34cd-56ef-1234567890ab"
    name_suffix         = "-blue"
    quiet               = "2d"
    dry_run             = true
  }

  assert {
    condition     = join(" ", [for statement in local.needed["rotate-secret"] : statement.Sid]) == "RotateSecrets KmsForSecrets ActInTheUsersAccount"
    error_message = "the function's own role touches no user"
  }

  assert {
    condition     = local.needed["rotate-secret"][1].Resource[0] == var.secret_kms_key_arns[0] && local.needed["cleanup-secrets"][3].Resource[0] == "arn:aws:iam::999988887777:role/keyturn"
    error_message = "keys and role are those that were given"
  }

  assert {
    condition = (
      length(jsondecode(output.users_policy).Statement) == 5 &&
      length(regexall("arn:aws:iam::999988887777:user/", output.users_policy)) == 4 &&
      length(regexall("iam:ResourceTag/team", output.users_policy)) == 3 &&
      length(regexall("Sid|secretsmanager", output.users_policy)) == 0
    )
    error_message = "the other role may do what both functions ask of users there"
  }

  assert {
    condition = local.environment == {
      KEYTURN_EXTERNAL_ID = "word"
      KEYTURN_DRY_RUN     = "true"
      KEYTURN_FIELDS      = "AccessKeyId=accessKeyId&SecretAccessKey=secretAccessKey&UserName=userName"
      KEYTURN_QUIET       = "2d"
      KEYTURN_RETIRE      = "idle"
      KEYTURN_ROLE_ARN    = "arn:aws:iam::999988887777:role/keyturn"
      KEYTURN_TAG         = "team=blue"
      KEYTURN_TEST_BUCKET = "probe-bucket"
      KEYTURN_TEST_KEY    = "probe"
    }
    error_message = "the functions know all of it"
  }

  assert {
    condition     = aws_lambda_function.rotate_lambda.function_name == "rotateAccessKey-blue" && aws_iam_role.schedule.name == "CleanupAccessKeyLambdaSchedule-blue"
    error_message = "two rotators do not get in each other's way"
  }
}

run "a_rare_cleanup_has_no_daily_alarm" {
  command = plan

  variables {
    cleanup_lambda_run_rate = "2 days"
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.silent) == 0
    error_message = "a day without a cleanup is as it should be"
  }
}

run "bad_input_is_refused" {
  command = plan

  variables {
    cloudwatch_retention_days = 31
    cleanup_lambda_run_rate   = "cron(0 12 * * ? *)"
    name_suffix               = "a b"
    tag                       = { key = "a=b", value = "\"" }
    secret_fields             = "Key=accessKeyId"
    secret_kms_key_arns       = ["alias/mine"]
    test_object               = { bucket = "Upper", key = "x" }
    users_role                = { arn = "role/keyturn" }
    retire                    = "never"
    quiet                     = "soon"
    remind_after              = "14"
    delete_after              = "1y"
    lambda_runtime            = "go1.x"
    lambda_memory_size        = 64
  }

  expect_failures = [
    var.cloudwatch_retention_days,
    var.cleanup_lambda_run_rate,
    var.name_suffix,
    var.tag,
    var.secret_fields,
    var.secret_kms_key_arns,
    var.test_object,
    var.users_role,
    var.retire,
    var.quiet,
    var.remind_after,
    var.delete_after,
    var.lambda_runtime,
    var.lambda_memory_size,
  ]
}

run "a_package_is_in_one_place" {
  command = plan

  variables {
    package = { folder = "dist-lambda", bucket = "packages" }
  }

  expect_failures = [var.package]
}
