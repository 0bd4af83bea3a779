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
    defaults = { id = "eu-central-1" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:x" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:x" }
  }
}

override_resource {
  target          = aws_sqs_queue.work
  override_during = plan
  values          = { id = "https://sqs.test/work", url = "https://sqs.test/work", arn = "arn:aws:sqs:eu-central-1:111122223333:keyturn-work" }
}

override_resource {
  target          = aws_sqs_queue.dead
  override_during = plan
  values          = { id = "https://sqs.test/dead", url = "https://sqs.test/dead", arn = "arn:aws:sqs:eu-central-1:111122223333:keyturn-work-dead" }
}

override_resource {
  target          = aws_sqs_queue.failed
  override_during = plan
  values          = { id = "https://sqs.test/failed", url = "https://sqs.test/failed", arn = "arn:aws:sqs:eu-central-1:111122223333:keyturn-planner-failed" }
}

override_resource {
  target          = aws_iam_role.planner
  override_during = plan
  values          = { id = "keyturn-planner", arn = "arn:aws:iam::111122223333:role/keyturn-planner" }
}

override_resource {
  target          = aws_iam_role.worker
  override_during = plan
  values          = { id = "keyturn-worker", arn = "arn:aws:iam::111122223333:role/keyturn-worker" }
}

override_resource {
  target          = aws_iam_role.schedule
  override_during = plan
  values          = { id = "keyturn-planner-schedule", arn = "arn:aws:iam::111122223333:role/keyturn-planner-schedule" }
}

override_resource {
  target          = aws_s3_bucket.results[0]
  override_during = plan
  values          = { id = "keyturn-results-111122223333-eu-central-1" }
}

variables {
  package = {
    bucket  = "packages"
    planner = { key = "planner.zip", hash = "x" }
    worker  = { key = "worker.zip", hash = "y" }
  }
  keyturn_config  = "ssm:/keyturn/config:3"
  organization_id = "o-a1b2c3d4e5"
}

run "only_planner_and_workers_send_and_only_by_tls" {
  command = plan
  assert {
    condition = jsondecode(aws_sqs_queue.work.policy).Statement == [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = "arn:aws:sqs:eu-central-1:111122223333:keyturn-work"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "OnlyPlannerAndWorkersSend"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:SendMessage"
        Resource  = "arn:aws:sqs:eu-central-1:111122223333:keyturn-work"
        Condition = { ArnNotLike = { "aws:PrincipalArn" = ["arn:aws:iam::111122223333:role/keyturn-planner", "arn:aws:iam::111122223333:role/keyturn-worker"] } }
      },
    ]
    error_message = "A message makes a worker enter an account."
  }
  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.dead, aws_sqs_queue.failed] : [for each in jsondecode(queue.policy).Statement : each.Sid] == ["TlsOnly"]])
    error_message = "All queues by TLS alone."
  }
  assert {
    condition = (
      aws_sqs_queue.work.visibility_timeout_seconds >= 6 * aws_lambda_function.worker.timeout
      && jsondecode(aws_sqs_queue.work.redrive_policy) == { deadLetterTargetArn = "arn:aws:sqs:eu-central-1:111122223333:keyturn-work-dead", maxReceiveCount = 5 }
      && jsondecode(aws_sqs_queue.dead.redrive_allow_policy) == { redrivePermission = "byQueue", sourceQueueArns = ["arn:aws:sqs:eu-central-1:111122223333:keyturn-work"] }
    )
    error_message = "A message is not seen twice while it is worked on, and ends where somebody looks."
  }
  assert {
    condition = (
      aws_sqs_queue.work.message_retention_seconds > 5 * aws_sqs_queue.work.visibility_timeout_seconds
      && aws_sqs_queue.dead.message_retention_seconds > aws_sqs_queue.work.message_retention_seconds
    )
    error_message = "No message expires before it was tried five times, nor before somebody could look."
  }
}

run "what_each_function_gets" {
  command = plan
  assert {
    condition = aws_lambda_function.worker.environment[0].variables == tomap({
      KEYTURN_CONFIG  = "ssm:/keyturn/config:3"
      KEYTURN_QUEUE   = "https://sqs.test/work"
      KEYTURN_RESULTS = "s3://keyturn-results-111122223333-eu-central-1"
    })
    error_message = "Nothing else is set where nobody sets anything."
  }
  assert {
    condition = alltrue([for function in [aws_lambda_function.planner, aws_lambda_function.worker] :
      function.runtime == "nodejs22.x" && function.architectures[0] == "arm64" && function.timeout == 900 && function.memory_size == 512
    ])
    error_message = "Both alike."
  }
  assert {
    condition     = aws_lambda_event_source_mapping.worker.batch_size == 1 && aws_lambda_event_source_mapping.worker.scaling_config[0].maximum_concurrency == 10 && contains(aws_lambda_event_source_mapping.worker.function_response_types, "ReportBatchItemFailures")
    error_message = "One account a worker, ten workers."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.planner.policy, "sts:") && strcontains(aws_iam_role_policy.planner.policy, "parameter/keyturn/config\"") && strcontains(aws_iam_role_policy.planner.policy, "organizations:ListAccounts\"")
    error_message = "The planner enters no account."
  }
  assert {
    condition = [for each in jsondecode(aws_iam_role_policy.worker.policy).Statement : each if try(each.Sid, "") == "EnterAccounts"] == [{
      Sid       = "EnterAccounts"
      Effect    = "Allow"
      Action    = ["sts:AssumeRole"]
      Resource  = ["arn:aws:iam::*:role/KeyturnMember"]
      Condition = { StringEquals = { "aws:ResourceOrgID" = ["o-a1b2c3d4e5"] } }
    }]
    error_message = "That role, inside the organization, in nobody's name."
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.worker.policy, "arn:aws:s3:::keyturn-results-111122223333-eu-central-1/runs/*")
    error_message = "Results of runs, and no other object."
  }
  assert {
    condition = (
      aws_s3_bucket.results[0].bucket == "keyturn-results-111122223333-eu-central-1"
      && aws_s3_bucket_public_access_block.results[0].block_public_policy && aws_s3_bucket_public_access_block.results[0].restrict_public_buckets
      && aws_s3_bucket_versioning.results[0].versioning_configuration[0].status == "Enabled"
      && one(aws_s3_bucket_server_side_encryption_configuration.results[0].rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"
      && aws_s3_bucket_lifecycle_configuration.results[0].rule[0].expiration[0].days == 400
      && aws_s3_bucket_lifecycle_configuration.results[0].rule[0].filter[0].prefix == "runs/"
      && jsondecode(aws_s3_bucket_policy.results[0].policy).Statement[0].Condition == { Bool = { "aws:SecureTransport" = "false" } }
    )
    error_message = "The bucket is private, encrypted, versioned, tidied, and reached by TLS alone."
  }
  assert {
    condition     = output.report_command == "keyturn report s3://keyturn-results-111122223333-eu-central-1" && length(aws_cloudwatch_metric_alarm.silent) == 1
    error_message = "How to look, and somebody hears where nothing runs."
  }
}

run "a_bucket_a_role_that_lists_and_a_dry_run" {
  command = plan
  variables {
    keyturn_config         = "accounts: { role: KeyturnMember, list: [{ id: \"111122223333\" }] }"
    results_bucket         = "ours"
    results_prefix         = "keys/runs"
    list_as_role_arn       = "arn:aws:iam::999988887777:role/KeyturnList"
    central_role_arn       = "arn:aws:iam::999988887777:role/KeyturnCentral"
    source_identity        = "run"
    dry_run                = true
    enabled                = false
    function_timeout       = 300
    redrive_principal_arns = ["arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Admin_*"]
    queue_kms_key_arn      = "arn:aws:kms:eu-central-1:111122223333:key/queue"
    config_kms_key_arn     = "arn:aws:kms:eu-central-1:111122223333:key/config"
    more_permissions       = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"HandOn\",\"Effect\":\"Allow\",\"Action\":[\"ses:SendEmail\"],\"Resource\":[\"*\"]}]}"
  }
  assert {
    condition = (
      aws_lambda_function.worker.environment[0].variables["DRY_RUN"] == "true"
      && aws_lambda_function.worker.environment[0].variables["KEYTURN_RESULTS"] == "s3://ours/keys/runs"
      && length(aws_s3_bucket.results) == 0
      && strcontains(aws_iam_role_policy.worker.policy, "arn:aws:s3:::ours/keys/runs/runs/*")
    )
    error_message = "An existing bucket stays as it is."
  }
  assert {
    condition = (
      !strcontains(aws_iam_role_policy.worker.policy, "organizations:") && !strcontains(aws_iam_role_policy.planner.policy, "organizations:")
      && strcontains(aws_iam_role_policy.planner.policy, "role/KeyturnList") && strcontains(aws_iam_role_policy.worker.policy, "role/KeyturnCentral")
      && strcontains(aws_iam_role_policy.worker.policy, "sts:SetSourceIdentity")
    )
    error_message = "Organizations is asked by that role."
  }
  assert {
    condition     = strcontains(aws_sqs_queue.work.policy, "AWSReservedSSO_Admin_*") && aws_sqs_queue.work.visibility_timeout_seconds == 1800
    error_message = "Who may move dead messages back may send."
  }
  assert {
    condition     = aws_scheduler_schedule.planner.state == "DISABLED" && length(aws_cloudwatch_metric_alarm.silent) == 0
    error_message = "Nobody is told that nothing runs where nothing is to run."
  }
  assert {
    condition     = length([for each in jsondecode(aws_iam_role_policy.worker.policy).Statement : each if try(each.Sid, "") == "HandOn"]) == 1 && strcontains(aws_iam_role_policy.worker.policy, "ses:SendEmail") && !strcontains(aws_iam_role_policy.planner.policy, "ses:SendEmail")
    error_message = "What is asked for besides is the workers' alone."
  }
  assert {
    condition     = alltrue([for key in ["key/queue", "key/config"] : strcontains(aws_iam_role_policy.planner.policy, key) && strcontains(aws_iam_role_policy.worker.policy, key)])
    error_message = "Both read the configuration, and both use the queue."
  }
}

run "accounts_by_name_need_no_organization" {
  command = plan
  variables {
    organization_id   = null
    ask_organizations = false
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.worker.policy, "organizations:") && !strcontains(aws_iam_role_policy.worker.policy, "ResourceOrgID") && !strcontains(aws_iam_role_policy.worker.policy, "unused")
    error_message = "Nobody is asked, and no organization is named."
  }
}

run "names_numbers_and_patterns_are_checked" {
  command = plan
  variables {
    name                    = "Keyturn"
    keyturn_config          = "ssm:/keyturn/config"
    member_roles            = ["arn:aws:iam::*:role/*"]
    organization_id         = "*"
    list_as_role_arn        = "KeyturnList"
    central_role_arn        = "*"
    source_identity         = "yes"
    more_permissions        = "{}"
    schedule_expression     = "daily"
    flexible_window_minutes = -1
    maximum_concurrency     = 1
    max_receive_count       = 1
    redrive_principal_arns  = ["*"]
    lambda_runtime          = "nodejs20.x"
    function_timeout        = 60
    xray_tracing_mode       = "On"
    results_bucket          = "s3://x"
    results_prefix          = "/x/"
    results_retention_days  = 0
    alarm_age_hours         = 0
  }
  expect_failures = [
    var.name,
    var.keyturn_config,
    var.member_roles,
    var.organization_id,
    var.list_as_role_arn,
    var.central_role_arn,
    var.source_identity,
    var.more_permissions,
    var.schedule_expression,
    var.flexible_window_minutes,
    var.maximum_concurrency,
    var.max_receive_count,
    var.redrive_principal_arns,
    var.lambda_runtime,
    var.function_timeout,
    var.xray_tracing_mode,
    var.results_bucket,
    var.results_prefix,
    var.results_retention_days,
    var.alarm_age_hours,
  ]
}

run "a_package_comes_from_one_place_an_alarm_rests_and_a_configuration_names_accounts" {
  command = plan
  variables {
    package             = { folder = "./a", bucket = "b" }
    schedule_expression = "rate(2 days)"
    keyturn_config      = "defaults: { policy: safe }"
  }
  expect_failures = [var.package, var.missing_after_hours, var.keyturn_config]
}

run "cloudwatch_looks_back_a_week" {
  command = plan
  variables {
    missing_after_hours = 200
  }
  expect_failures = [var.missing_after_hours]
}
