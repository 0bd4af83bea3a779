output "arn" {
  description = "ARN of the role."
  value       = aws_iam_role.member.arn
}

output "role" {
  description = "The role as keyturn.yaml names it: its name, with its path where it has one."
  value       = trimprefix("${var.path}${var.name}", "/")
}

output "policy" {
  description = "What the role may do, as JSON, without more_permissions."
  value       = local.policies.keyturn
}

output "trust_policy" {
  description = "Who may assume the role, as JSON."
  value       = aws_iam_role.member.assume_role_policy
}
