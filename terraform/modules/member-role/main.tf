# The role by which keyturn works in one account. cloudformation/member-role.yaml makes the same role out of a StackSet; a test holds
# the two equal.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  rotator_account = split(":", var.rotator_role_arns[0])[4]

  # Why not `Principal = the role's ARN`: IAM stores such a principal as the id of the role that bears that name at this moment. When the
  # rotator's role is deleted and made again under its old name, every member would go on trusting the role that is gone, and refuse
  # the new one. A condition is compared at each request, with the names as they are then. For the same reason this may be
  # applied before the rotator's roles are there. Whoever may make roles of that name in the rotator's account gets in: that account is
  # trusted as a whole, so keep it to its own purpose.
  trust = {
    Effect    = "Allow"
    Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${local.rotator_account}:root" }
  }
  from_rotator = {
    ArnEquals = { "aws:PrincipalArn" = var.rotator_role_arns }
  }
  inside = { for key, value in { "aws:PrincipalOrgID" = var.organization_id } : key => value if value != null }
  asked  = { for key, value in { "sts:ExternalId" = var.external_id } : key => value if value != null }

  trust_statements = concat(
    [merge(local.trust, {
      Sid    = "LetTheRotatorIn"
      Action = "sts:AssumeRole"
      Condition = merge(local.from_rotator, {
        for operator, keys in { StringEquals = merge(local.inside, local.asked) } : operator => keys if length(keys) > 0
      })
    })],
    # A statement of its own, for the external id is asked of those that assume the role.
    [for statement in [merge(local.trust, {
      Sid    = "LetItNameItsRun"
      Action = "sts:SetSourceIdentity"
      Condition = merge(local.from_rotator, {
        for operator, keys in { StringEquals = local.inside } : operator => keys if length(keys) > 0
      })
    })] : statement if var.allow_source_identity],
  )

  # What the role may do: as keyturn policy prints it (a test holds them equal).
  policy_values = {
    partition             = data.aws_partition.current.partition
    account               = data.aws_caller_identity.current.account_id
    region                = coalesce(var.region, data.aws_region.current.id)
    user_path             = var.user_path
    ssm_prefix            = coalesce(var.ssm_prefix, "/unused")
    secretsmanager_prefix = coalesce(var.secretsmanager_prefix, "unused")
    kms_key_arns          = var.kms_key_arns
  }

  has_keys = length(var.kms_key_arns) > 0

  # Statements that only some settings need, by their Sid.
  unneeded = concat(
    var.large_account ? [] : ["ListTheAccount"],
    var.ssm_prefix != null ? [] : ["DeliverToParameterStore"],
    var.ssm_prefix != null && local.has_keys ? [] : ["KmsForParameterStore"],
    var.secretsmanager_prefix != null ? [] : ["CreateSecrets", "DeliverToSecretsManager"],
    var.secretsmanager_prefix != null && local.has_keys ? [] : ["KmsForSecretsManager"],
    var.escrow ? [] : ["Escrow", "ListEscrow"],
    var.escrow && local.has_keys ? [] : ["KmsForEscrow"],
  )

  # Users without the tag are read all the same: keyturn looks at tags and keys to find out that a user is none of its own.
  changes_users = ["RotateKeys", "KeepTheRecord"]
  tagged        = var.user_tag == null ? {} : { StringEquals = { "iam:ResourceTag/${var.user_tag.key}" = var.user_tag.value } }

  statements = [
    for statement in jsondecode(templatefile("${path.module}/policies/member.json.tftpl", local.policy_values)).Statement :
    merge(statement, {
      for name, conditions in { Condition = merge(try(statement.Condition, {}), local.tagged) } : name => conditions
      if var.user_tag != null && contains(local.changes_users, statement.Sid)
    }) if !contains(local.unneeded, statement.Sid)
  ]

  policies = { for name, policy in {
    keyturn = jsonencode({ Version = "2012-10-17", Statement = local.statements })
    more    = var.more_permissions
  } : name => policy if policy != null }
}

resource "aws_iam_role" "member" {
  name                 = var.name
  path                 = var.path
  description          = "keyturn rotates access keys here, from account ${local.rotator_account}"
  assume_role_policy   = jsonencode({ Version = "2012-10-17", Statement = local.trust_statements })
  max_session_duration = var.max_session_duration
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_role_policy" "member" {
  for_each = local.policies
  name     = each.key
  role     = aws_iam_role.member.name
  policy   = each.value
}
