# Each alarm says what it means in its description: that is what somebody reads at night.

resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each            = { creator = aws_lambda_function.iam_key_creator.function_name, destructor = aws_lambda_function.iam_key_destructor.function_name }
  alarm_name          = "${each.value}-errors"
  alarm_description   = "${each.value} failed. Its log says for whom and why; no key that is in use was stopped."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = each.value }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  tags                = var.tags
}

# The functions' own metrics: a user that fails does not make the destructor fail as a whole.
resource "aws_cloudwatch_metric_alarm" "users" {
  for_each            = { creator = aws_lambda_function.iam_key_creator.function_name, destructor = aws_lambda_function.iam_key_destructor.function_name }
  alarm_name          = "${each.value}-users"
  alarm_description   = "${each.value} could not do what is due for at least one user. Its log names the user and the reason; docs/reasons.md says what to do."
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

resource "aws_cloudwatch_metric_alarm" "age" {
  count               = var.alarm_key_age_days == null ? 0 : 1
  alarm_name          = "${aws_lambda_function.iam_key_creator.function_name}-age"
  alarm_description   = "An access key is older than ${coalesce(var.alarm_key_age_days, 0)} days: a rotation waits for somebody. keyturn scan shows for whom."
  namespace           = "keyturn"
  metric_name         = "OldestKeyAgeDays"
  dimensions          = { service = "creator" }
  statistic           = "Maximum"
  period              = 3600
  evaluation_periods  = 1
  threshold           = var.alarm_key_age_days
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "failed" {
  alarm_name          = "${aws_sqs_queue.failed.name}-waiting"
  alarm_description   = "An event was given up on and waits in ${aws_sqs_queue.failed.name}. The next scheduled run does its work; look why it failed."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.failed.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  tags                = var.tags
}

# A cron expression may name any interval up to a year: only who runs daily can be told that a day was missed.
resource "aws_cloudwatch_metric_alarm" "silent" {
  count               = can(regex("^[0-9*,/-]+ [0-9*,/-]+ \\* \\* \\? \\*$", var.cron_expression)) ? 1 : 0
  alarm_name          = "${aws_lambda_function.iam_key_creator.function_name}-silent"
  alarm_description   = "${aws_lambda_function.iam_key_creator.function_name} did not run for a day: keys are not rotated. Is the schedule IAMAccessKeyCreator there, and enabled?"
  namespace           = "AWS/Lambda"
  metric_name         = "Invocations"
  dimensions          = { FunctionName = aws_lambda_function.iam_key_creator.function_name }
  statistic           = "Sum"
  period              = 86400
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_actions
  tags                = var.tags
}
