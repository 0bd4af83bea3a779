output "table_name" {
  description = "Name of the table that schedules when old access keys go."
  value       = aws_dynamodb_table.iam_key_rotator.name
}

output "key_creator_function_name" {
  description = "Name of the creator."
  value       = aws_lambda_function.iam_key_creator.function_name
}

output "key_destructor_function_name" {
  description = "Name of the destructor."
  value       = aws_lambda_function.iam_key_destructor.function_name
}

output "cron_expression" {
  description = "When the creator runs."
  value       = aws_scheduler_schedule.iam_key_creator.schedule_expression
}

output "mailgun_ssm_parameter_arn" {
  description = "The parameter that holds Mailgun's API key; null where it is not used."
  value       = one(aws_ssm_parameter.mailgun[*].arn)
}

output "smtp_ssm_parameter_arn" {
  description = "The parameter that holds the SMTP password; null where it is not used."
  value       = one(aws_ssm_parameter.smtp[*].arn)
}

output "key_creator_role_arn" {
  description = "ARN of the creator's role."
  value       = aws_iam_role.iam_key_creator.arn
}

output "key_destructor_role_arn" {
  description = "ARN of the destructor's role."
  value       = aws_iam_role.iam_key_destructor.arn
}

output "failed_queue_arn" {
  description = "ARN of the queue that holds what neither function could do."
  value       = aws_sqs_queue.failed.arn
}
