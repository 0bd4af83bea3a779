# Each alarm says what it means in its description: that is what somebody reads at night.

resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each = {
    (aws_lambda_function.rotate_lambda.function_name)  = "A step of a rotation failed. Secrets Manager repeats it for a while; the secret serves the key that it served before. The log says what is wrong, and what to do."
    (aws_lambda_function.cleanup_lambda.function_name) = "The cleanup failed for a user, or could not read a secret. Its log says for which, and why; all others were looked after, and no key that is in use was stopped."
  }
  alarm_name          = "${each.key}-errors"
  alarm_description   = each.value
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = each.key }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  tags                = var.tags
}

locals {
  minutes_per_unit = { minute = 1, minutes = 1, hour = 60, hours = 60, day = 1440, days = 1440 }
  rate             = split(" ", var.cleanup_lambda_run_rate)
  minutes_between  = tonumber(local.rate[0]) * local.minutes_per_unit[local.rate[1]]
}

# Where cleanups are further apart than a day, a day without one says nothing.
resource "aws_cloudwatch_metric_alarm" "silent" {
  count               = local.minutes_between <= 1440 ? 1 : 0
  alarm_name          = "${aws_lambda_function.cleanup_lambda.function_name}-silent"
  alarm_description   = "${aws_lambda_function.cleanup_lambda.function_name} did not run for a day: keys that were replaced stay, and the next rotations find no free slot. Is the schedule ${local.cleanup_name} there, and enabled?"
  namespace           = "AWS/Lambda"
  metric_name         = "Invocations"
  dimensions          = { FunctionName = aws_lambda_function.cleanup_lambda.function_name }
  statistic           = "Sum"
  period              = 86400
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_actions
  tags                = var.tags
}
