# What the settings come to, and which of them are refused. Needs neither an account nor packages.

mock_provider "aws" {
  override_during = plan

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-central-1", name = "eu-central-1" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = {
      arn        = "arn:aws:dynamodb:eu-central-1:111122223333:table/iam-key-rotator"
      stream_arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/iam-key-rotator/stream/x"
    }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-central-1:111122223333:failed" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:x" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/x" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:x" }
  }
}

variables {
  package = {
    bucket     = "packages"
    creator    = { key = "creator.zip", hash = "x" }
    destructor = { key = "destructor.zip", hash = "y" }
  }
  mail_from            = "keys@example.com"
  mail_allowed_domains = ["example.com", "*.example.org"]
}

run "the_defaults_are_the_older_ones" {
  command = plan
  assert {
    condition = aws_lambda_function.iam_key_creator.environment[0].variables == tomap({
      IAM_KEY_ROTATOR_TABLE = "iam-key-rotator"
      ACCOUNT_ID            = "111122223333"
      ROTATE_AFTER_DAYS     = "85"
      DELETE_AFTER_DAYS     = "5"
      RETRY_AFTER_MINS      = "5"
      ENCRYPT_KEY_PAIR      = "true"
      MAIL_CLIENT           = "ses"
      MAIL_FROM             = "keys@example.com"
      MAIL_ALLOWED_DOMAINS  = "example.com,*.example.org"
    })
    error_message = "Nothing else is set where nobody sets anything."
  }
  assert {
    condition     = output.cron_expression == "cron(0 12 * * ? *)" && length(aws_cloudwatch_metric_alarm.silent) == 1
    error_message = "It runs daily, and somebody hears where it does not."
  }
  assert {
    condition     = output.smtp_ssm_parameter_arn == null && output.mailgun_ssm_parameter_arn == null
    error_message = "SES needs no password."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.iam_key_destructor_policy.policy, "CreateAccessKey") && !strcontains(aws_iam_role_policy.iam_key_creator_policy.policy, "GetCredentialReport")
    error_message = "The destructor makes no key, and a small account is not listed at once."
  }
}

run "a_configuration_is_fetched_with_the_permission_for_it_alone" {
  command = plan
  variables {
    keyturn_config   = "s3://settings/my%20keys/keyturn.yaml?versionId=abc"
    more_permissions = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"ReadUsers\",\"Effect\":\"Allow\",\"Action\":[\"secretsmanager:PutSecretValue\"],\"Resource\":[\"*\"]}]}"
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.iam_key_destructor_policy.policy, "arn:aws:s3:::settings/my?keys/keyturn.yaml\"")
    error_message = "The object, and no other."
  }
  assert {
    condition     = length([for each in jsondecode(aws_iam_role_policy.iam_key_creator_policy.policy).Statement : each if try(each.Sid, "") == "ReadUsers"]) == 1 && strcontains(aws_iam_role_policy.iam_key_creator_policy.policy, "PutSecretValue")
    error_message = "Statements from elsewhere come on top, and no Sid comes twice."
  }
}

run "a_parameter_is_fetched_without_its_version" {
  command = plan
  variables {
    keyturn_config = "ssm:/keyturn/config:3"
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.iam_key_creator_policy.policy, "parameter/keyturn/config\"")
    error_message = "IAM knows a parameter by its name."
  }
}

run "a_password_of_yours_is_read_and_none_is_made" {
  command = plan
  variables {
    mail_client             = "smtp"
    smtp_server             = "mail.example.com"
    smtp_password_parameter = "mail/password"
  }
  assert {
    condition     = length(aws_ssm_parameter.smtp) == 0 && strcontains(aws_iam_role_policy.iam_key_creator_policy.policy, "parameter/mail/password\"")
    error_message = "The parameter is yours."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.iam_key_creator_policy.policy, "ses:SendEmail")
    error_message = "Mail goes by SMTP."
  }
}

run "numbers_names_and_limits_are_checked" {
  command = plan
  variables {
    delete_after_days    = 0
    rotate_after_days    = 1.5
    retry_after_mins     = 0
    user_path            = "/ci/*"
    lambda_runtime       = "python3.11"
    function_timeout     = 10
    mail_from            = "Keys <keys@example.com>"
    mail_allowed_domains = []
    cron_expression      = "0 12 * * ?"
    more_permissions     = "{}"
  }
  expect_failures = [
    var.delete_after_days,
    var.rotate_after_days,
    var.retry_after_mins,
    var.user_path,
    var.lambda_runtime,
    var.function_timeout,
    var.mail_from,
    var.mail_allowed_domains,
    var.cron_expression,
    var.more_permissions,
  ]
}

run "mailgun_needs_its_address" {
  command = plan
  variables {
    mail_client     = "mailgun"
    mailgun_api_key = "x"
  }
  expect_failures = [var.mailgun_api_url]
}

run "smtp_needs_a_password_or_a_parameter" {
  command = plan
  variables {
    mail_client = "smtp"
    smtp_server = "mail.example.com"
  }
  expect_failures = [aws_ssm_parameter.smtp]
}

run "a_package_comes_from_one_place" {
  command = plan
  variables {
    package = { folder = "./a", bucket = "b" }
  }
  expect_failures = [var.package]
}
