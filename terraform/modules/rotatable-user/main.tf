# A user, and the secret that holds its access key. Terraform makes neither the key nor any value that holds one: the function of the
# module rotator does. Resources that aws-accesskey-rotator had keep its addresses, so that its state is taken over as it is.

resource "aws_iam_user" "rotatable_user" {
  name                 = var.user_name
  path                 = var.user_path
  permissions_boundary = var.user_permissions_boundary
  force_destroy        = var.user_force_destroy
  tags                 = merge(var.user_tags, { (var.tag.key) = var.tag.value })

  # What a rotation remembers stands in this tag. Without it an apply would take it away, and a plan after a rotation show that.
  lifecycle {
    ignore_changes = [tags["keyturn:rotation"], tags_all["keyturn:rotation"]]
  }
}

resource "aws_iam_user_policy" "this" {
  for_each = var.user_policies
  name     = each.key
  user     = aws_iam_user.rotatable_user.name
  policy   = each.value
}

resource "aws_secretsmanager_secret" "rotatable_secret" {
  name                    = var.secret_name
  name_prefix             = var.secret_name_prefix
  description             = var.secret_description
  kms_key_id              = var.secret_kms_key_id
  recovery_window_in_days = var.secret_recovery_window_in_days
  tags                    = merge(var.secret_tags, { (var.tag.key) = var.tag.value })
}

resource "aws_secretsmanager_secret_policy" "rotatable_secret" {
  count               = var.secret_policy == null ? 0 : 1
  secret_arn          = aws_secretsmanager_secret.rotatable_secret.arn
  policy              = var.secret_policy
  block_public_policy = true
}

# Whose key the secret will hold: the function needs no more to make the first one, and writes every value after this.
resource "aws_secretsmanager_secret_version" "rotatable_secret" {
  secret_id                = aws_secretsmanager_secret.rotatable_secret.id
  secret_string_wo         = jsonencode({ (var.secret_user_name_field) = aws_iam_user.rotatable_user.name })
  secret_string_wo_version = 1

  # The first version of a secret becomes AWSCURRENT whatever its label. A later one does not: were Terraform ever to write this value
  # again, because somebody removed the version or replaced this resource, nobody would be served it. And Secrets Manager removes no
  # version that has a label.
  version_stages = ["keyturn-first"]

  # Labels move with each rotation. What another tool wrote here stays.
  lifecycle {
    ignore_changes = [secret_string, secret_string_wo_version, version_stages]
  }
}

resource "aws_secretsmanager_secret_rotation" "rotatable_secret" {
  secret_id           = aws_secretsmanager_secret.rotatable_secret.id
  rotation_lambda_arn = var.rotator_lambda_arn
  rotate_immediately  = var.rotate_immediately

  rotation_rules {
    automatically_after_days = var.rotate_after_days
  }

  # The first rotation begins as soon as this is there: it reads the value, and may try what the new key can read.
  depends_on = [
    aws_iam_user_policy.this,
    aws_secretsmanager_secret_policy.rotatable_secret,
    aws_secretsmanager_secret_version.rotatable_secret,
  ]
}
