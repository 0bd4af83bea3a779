output "user_arn" {
  description = "ARN of the user."
  value       = aws_iam_user.rotatable_user.arn
}

output "user_name" {
  description = "Name of the user: to attach policies to."
  value       = aws_iam_user.rotatable_user.name
}

output "secret_arn" {
  description = "ARN of the secret: for whoever reads it, and for the policies that let them."
  value       = aws_secretsmanager_secret.rotatable_secret.arn
}

output "secret_name" {
  description = "Name of the secret, with what AWS appended to a prefix."
  value       = aws_secretsmanager_secret.rotatable_secret.name
}
