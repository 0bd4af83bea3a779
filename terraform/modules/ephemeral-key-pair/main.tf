# Opened anew by every plan and every apply, and written nowhere.
ephemeral "aws_ssm_parameter" "key" {
  arn = var.iam_key_parameter_arn
}

ephemeral "aws_ssm_parameter" "secret" {
  arn = var.iam_secret_parameter_arn
}
