# A secret whose rotation is switched on is rotated at once. So the functions are told of only when they may be called, and may do what
# they are called for.

output "rotator_lambda_arn" {
  description = "The function that secrets name as theirs: rotator_lambda_arn of the module rotatable-user."
  value       = aws_lambda_function.rotate_lambda.arn
  depends_on  = [aws_lambda_permission.allow_secret_manager_call_rotate_lambda, aws_iam_role_policy_attachment.rotate_lambda_policy_attachment]
}

output "rotator_role_arn" {
  description = "The role of that function: for key policies, and for the trust policy of users_role."
  value       = aws_iam_role.rotate_lambda_role.arn
}

output "cleanup_lambda_arn" {
  description = "The function that retires keys which were replaced."
  value       = aws_lambda_function.cleanup_lambda.arn
  depends_on  = [aws_iam_role_policy_attachment.cleanup_lambda_policy_attachment]
}

output "cleanup_role_arn" {
  description = "The role of that function: for key policies, and for the trust policy of users_role."
  value       = aws_iam_role.cleanup_lambda_role.arn
}

output "tag" {
  description = "The tag that secrets and users must bear: tag of the module rotatable-user."
  value       = var.tag
}

output "users_policy" {
  description = "The policy, as JSON, that users_role needs in the account of the users; null where they are in this one."
  value = var.users_role == null ? null : jsonencode({
    Version   = "2012-10-17"
    Statement = [for statement in local.users_statements : jsondecode(statement)]
  })
}
