# What a pipeline's role needs, that reads the key at every deployment: attach it there. deploy/read-key.sh is the reader.

resource "aws_iam_policy" "reader" {
  for_each    = module.app_bot
  name        = "ReadAccessKey-${each.key}"
  description = "Reads the access key of ${each.key}"
  tags        = local.tags

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "ReadTheKey", Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = [each.value.secret_arn] }]
  })
}
