# Each alarm says what it means in its description: that is what somebody reads at night.

resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each = {
    planner = "${aws_lambda_function.planner.function_name} failed: a run was not begun, or not for all accounts. Lambda tries it twice more; its log says why. No key was touched."
    worker  = "${aws_lambda_function.worker.function_name} failed, or was stopped. The queue gives the account to another worker; no key that is in use was stopped."
  }
  alarm_name          = "${local.names[each.key]}-errors"
  alarm_description   = each.value
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = local.names[each.key] }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  tags                = var.tags
}

# The functions' own metrics: a user or an account that fails does not make a function fail as a whole.
resource "aws_cloudwatch_metric_alarm" "failures" {
  for_each = {
    planner = "${aws_lambda_function.planner.function_name} could not do its work. Its log says why."
    worker  = "${aws_lambda_function.worker.function_name} could not do what is due in at least one account. The report of the run names account, user and reason; docs/reasons.md says what to do."
  }
  alarm_name          = "${local.names[each.key]}-failures"
  alarm_description   = each.value
  namespace           = "keyturn"
  metric_name         = "Failures"
  dimensions          = { service = each.key }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "waiting" {
  for_each = {
    (aws_sqs_queue.dead.name)   = "At least one account was given up on after ${var.max_receive_count} tries, and its message waits in ${aws_sqs_queue.dead.name}. The log of ${local.names.worker} says why; then move the messages back, or let the next run take the account."
    (aws_sqs_queue.failed.name) = "A run was not begun, and what was to begin it waits in ${aws_sqs_queue.failed.name}. The next run on schedule does its work; look why it failed."
  }
  alarm_name          = "${each.key}-waiting"
  alarm_description   = each.value
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = each.key }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "age" {
  alarm_name          = "${aws_sqs_queue.work.name}-age"
  alarm_description   = "An account waits in ${aws_sqs_queue.work.name} for more than ${var.alarm_age_hours} hours: workers do not run, or there are too few of them. Is the event source mapping enabled, and is maximum_concurrency high enough?"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.work.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = var.alarm_age_hours * 3600
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "silent" {
  count               = var.enabled && var.missing_after_hours != null ? 1 : 0
  alarm_name          = "${local.names.planner}-silent"
  alarm_description   = "${aws_lambda_function.planner.function_name} did not run for ${coalesce(var.missing_after_hours, 0)} hours: keys are not rotated. Is the schedule ${aws_scheduler_schedule.planner.name} there, and enabled?"
  namespace           = "AWS/Lambda"
  metric_name         = "Invocations"
  dimensions          = { FunctionName = local.names.planner }
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = var.missing_after_hours
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_actions
  tags                = var.tags
}
