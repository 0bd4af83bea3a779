output "secrets" {
  description = "ARN of each user's secret."
  value       = { for name, bot in module.app_bot : name => bot.secret_arn }
}

output "reader_policies" {
  description = "ARN of the policy that lets a pipeline read each user's key."
  value       = { for name, policy in aws_iam_policy.reader : name => policy.arn }
}
