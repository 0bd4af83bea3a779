data "aws_caller_identity" "this" {}

data "aws_region" "this" {}

# A user that is made by this very apply has no keys that could be listed at plan: that would be an error.
data "aws_iam_users" "this" {
  name_regex = "^${replace(var.iam_user, "/([.+])/", "\\$1")}$"
}

data "aws_iam_access_keys" "this" {
  count = contains(data.aws_iam_users.this.names, var.iam_user) ? 1 : 0
  user  = var.iam_user
}

locals {
  # As keyturn names parameters: what the store does not take is written _xHH_, so that no two users share a name.
  escaped   = replace(replace(replace(replace(replace(var.iam_user, "_x", "_x5F_x"), "+", "_x2B_"), "=", "_x3D_"), ",", "_x2C_"), "@", "_x40_")
  parameter = can(regex("^[.]+$", local.escaped)) ? replace(local.escaped, "/^[.]/", "_x2E_") : local.escaped
  # KMS takes no dots either.
  alias = replace(local.parameter, ".", "_x2E_")

  now      = plantimestamp()
  keys     = flatten(data.aws_iam_access_keys.this[*].access_keys)
  active   = [for key in local.keys : key if key.status == "Active"]
  inactive = [for key in local.keys : key if key.status == "Inactive"]
  served   = nonsensitive(aws_ssm_parameter.current_secret_id.value)

  # "Older than N days" is whole days, so that the day after the Nth counts.
  too_old     = length(local.active) == 1 && anytrue([for key in local.active : timecmp(timeadd(key.create_date, "${(var.max_age_days + 1) * 24}h"), local.now) <= 0])
  unpublished = length(local.active) > 0 && !contains(local.keys[*].access_key_id, local.served)
  overlaps    = length(local.active) > 1

  # Since when the old key is Inactive, as Python prints it, in UTC; null where none waits to be deleted.
  timestamp   = nonsensitive(aws_ssm_parameter.deactivated_key_timestamp.value)
  deactivated = try("${join("T", regex("^(\\d{4}-\\d\\d-\\d\\d)[ T](\\d\\d:\\d\\d:\\d\\d)", local.timestamp))}Z", null)
  expired = (
    local.timestamp != "-1" &&
    try(timecmp(timeadd(local.deactivated, "${(var.delete_after_days + 1) * 24}h"), local.now) <= 0, true)
  )

  due = length(local.keys) == 0 || local.too_old || local.unpublished || local.overlaps || local.expired

  # Every run that came to its end leaves its mark beside the timestamp. While nothing is due it stands for the run that is over.
  mark = try(regex("; mark (\\S+)$", aws_ssm_parameter.deactivated_key_timestamp.description)[0], "none")

  tags = {
    purpose = "ROTATING IAM KEYS FOR ${var.iam_user}"
  }
}

resource "aws_kms_key" "ssm_key" {
  description              = "Encrypts the access key of ${var.iam_user}"
  customer_master_key_spec = var.customer_master_key_spec
  enable_key_rotation      = var.enable_key_rotation
  deletion_window_in_days  = var.deletion_window
  tags                     = local.tags
}

resource "aws_kms_alias" "this" {
  name          = "alias/ssm-${local.alias}"
  target_key_id = aws_kms_key.ssm_key.key_id
}

# The id is no secret. It is kept in the state, where a plan finds it: is the key that is served one that exists?
resource "aws_ssm_parameter" "current_secret_id" {
  name   = "/${local.parameter}/iam-key"
  type   = "SecureString"
  key_id = aws_kms_key.ssm_key.arn
  value  = var.iam_key
  tags   = local.tags

  lifecycle {
    # keyturn writes it from then on.
    ignore_changes = [value, description, key_id]
  }
}

resource "aws_ssm_parameter" "current_secret_key" {
  name             = "/${local.parameter}/iam-secret"
  type             = "SecureString"
  key_id           = aws_kms_key.ssm_key.arn
  value_wo         = var.iam_secret
  value_wo_version = 1
  tags             = local.tags

  lifecycle {
    # Never written again from what Terraform knows: that would put an old secret over a newer one.
    ignore_changes = [value, value_wo_version, description, key_id]
  }
}

check "secret_is_not_in_the_state" {
  assert {
    condition     = var.plain_outputs ? true : coalesce(aws_ssm_parameter.current_secret_key.has_value_wo, false)
    error_message = "The state still holds the secret of /${local.parameter}/iam-secret, because an older module created that parameter: the README says how it gets out."
  }
}

resource "aws_ssm_parameter" "deactivated_key_timestamp" {
  name  = "/${local.parameter}/deactivated-key-timestamp"
  type  = "String"
  value = "-1"
  tags  = local.tags

  lifecycle {
    ignore_changes = [value, description]

    precondition {
      condition     = var.region == data.aws_region.this.name
      error_message = "region is ${var.region}, but the provider works in ${data.aws_region.this.name}, where the parameters would be: set region = \"${data.aws_region.this.name}\", or give the module a provider of that region."
    }
  }
}

# Replaced exactly when something is due, and then keyturn takes the next step. The log has what it did; no secret.
resource "terraform_data" "rotation" {
  triggers_replace = [var.iam_user, local.due ? local.now : local.mark]

  provisioner "local-exec" {
    command = "${var.keyturn_command} apply-step --quiet"

    environment = {
      iam_user             = var.iam_user
      max_age_in_days      = var.max_age_days
      delete_after_in_days = var.delete_after_days
      region               = data.aws_region.this.name
      KEYTURN_ACCOUNT      = data.aws_caller_identity.this.account_id
      KEYTURN_MARK         = local.due ? local.now : local.mark
    }
  }

  depends_on = [
    aws_kms_alias.this,
    aws_ssm_parameter.current_secret_id,
    aws_ssm_parameter.current_secret_key,
    aws_ssm_parameter.deactivated_key_timestamp,
  ]
}

# Destroyed before the parameters, and stands in the way where they hold the only copy of a secret that is in use.
resource "terraform_data" "guard" {
  triggers_replace = [aws_ssm_parameter.current_secret_key.arn]

  input = {
    command  = var.allow_destroy ? "exit 0" : "${var.keyturn_command} apply-step --before-destroy"
    iam_user = var.iam_user
    region   = data.aws_region.this.name
    account  = data.aws_caller_identity.this.account_id
  }

  provisioner "local-exec" {
    when    = destroy
    command = self.input.command

    environment = {
      iam_user        = self.input.iam_user
      region          = self.input.region
      KEYTURN_ACCOUNT = self.input.account
    }
  }

  depends_on = [
    aws_kms_alias.this,
    aws_ssm_parameter.current_secret_id,
    aws_ssm_parameter.current_secret_key,
  ]
}

data "aws_ssm_parameter" "key" {
  name       = aws_ssm_parameter.current_secret_id.name
  depends_on = [terraform_data.rotation]
}

data "aws_ssm_parameter" "secret" {
  count      = var.plain_outputs ? 1 : 0
  name       = aws_ssm_parameter.current_secret_key.name
  depends_on = [terraform_data.rotation]
}
