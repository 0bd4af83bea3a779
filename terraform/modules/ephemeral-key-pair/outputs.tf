output "iam_key" {
  description = "The id of the key to use."
  value       = ephemeral.aws_ssm_parameter.key.value
  ephemeral   = true
}

output "iam_secret" {
  description = "The secret of that key."
  value       = ephemeral.aws_ssm_parameter.secret.value
  ephemeral   = true
  sensitive   = true
}
