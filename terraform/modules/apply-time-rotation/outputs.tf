output "updated_iam_key" {
  description = "The id of the key to use. Not a secret."
  value       = nonsensitive(data.aws_ssm_parameter.key.value)
}

output "updated_iam_secret" {
  description = "The secret of that key, which is in the state then; null with plain_outputs = false."
  value       = one(data.aws_ssm_parameter.secret[*].value)
  sensitive   = true
}

output "update_iam_key" {
  description = "The same as updated_iam_key."
  value       = nonsensitive(data.aws_ssm_parameter.key.value)
}

output "update_iam_secret" {
  description = "The same as updated_iam_secret."
  value       = one(data.aws_ssm_parameter.secret[*].value)
  sensitive   = true
}

output "key_version" {
  description = "Grows with every rotation: the version argument beside a write-only one that takes the secret."
  value       = nonsensitive(data.aws_ssm_parameter.key.version)
}

output "iam_key_parameter_arn" {
  description = "The parameter that holds the id: for the module ephemeral-key-pair, and for policies of readers."
  value       = aws_ssm_parameter.current_secret_id.arn
}

output "iam_secret_parameter_arn" {
  description = "The parameter that holds the secret: for the module ephemeral-key-pair, and for policies of readers."
  value       = aws_ssm_parameter.current_secret_key.arn
}

output "kms_key_arn" {
  description = "The KMS key that encrypts both: whoever reads them may need kms:Decrypt on it."
  value       = aws_kms_key.ssm_key.arn
}
