locals {
  account       = data.aws_caller_identity.current.account_id
  users_account = var.users_role == null ? local.account : split(":", var.users_role.arn)[4]

  # What the functions ask of AWS: generated from keyturn's own source, and held equal to it by a test.
  policy_values = {
    partition     = data.aws_partition.current.partition
    account       = local.account
    region        = data.aws_region.current.id
    users_account = local.users_account
    tag_key       = var.tag.key
    tag_value     = var.tag.value
    kms_key_arns  = var.secret_kms_key_arns
    role_arn      = try(var.users_role.arn, "none")
  }

  statements = { for name in ["rotate-secret", "cleanup-secrets"] :
    name => jsondecode(templatefile("${path.module}/policies/${name}.json.tftpl", local.policy_values)).Statement
  }

  # Statements by their Sid: those about the users, and those that only some settings need.
  about_users = ["ReadUsers", "ReadLastUse", "RotateKeys", "KeepTheRecord"]
  unneeded = concat(
    length(var.secret_kms_key_arns) > 0 ? [] : ["KmsForSecrets"],
    var.users_role == null ? ["ActInTheUsersAccount"] : local.about_users,
  )
  needed = { for name, statements in local.statements :
    name => [for statement in statements : statement if !contains(local.unneeded, statement.Sid)]
  }

  # What Lambda itself needs to run either function.
  running = var.lambda_kms_key_arn == null ? [] : [
    { Sid = "ReadSettings", Effect = "Allow", Action = ["kms:Decrypt"], Resource = [var.lambda_kms_key_arn] },
  ]

  # The role in another account serves both functions, and they ask for much the same: each statement once, without a Sid that would
  # stand twice.
  users_statements = distinct([for statement in flatten(values(local.statements)) :
    jsonencode({ for key, value in statement : key => value if key != "Sid" }) if contains(local.about_users, statement.Sid)
  ])

  assume_by_lambda = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role" "rotate_lambda_role" {
  name                 = "RotateAccessKeyLambdaRole${var.name_suffix}"
  description          = "The function ${local.rotate_name}"
  assume_role_policy   = local.assume_by_lambda
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_policy" "rotate_lambda_policy" {
  name        = "RotateAccessKeyLambdaPolicy${var.name_suffix}"
  description = "What the function ${local.rotate_name} may do"
  tags        = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.needed["rotate-secret"], local.running, [{
      Sid      = "WriteLogs"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["${aws_cloudwatch_log_group.rotate_cloudwatch_log_group.arn}:*"]
    }])
  })

  # IAM cannot change a description: that of a policy from before would have to be deleted, and the function be without one.
  lifecycle {
    ignore_changes = [description]
  }
}

resource "aws_iam_role_policy_attachment" "rotate_lambda_policy_attachment" {
  role       = aws_iam_role.rotate_lambda_role.name
  policy_arn = aws_iam_policy.rotate_lambda_policy.arn
}

resource "aws_iam_role" "cleanup_lambda_role" {
  name                 = "CleanupAccessKeyLambdaRole${var.name_suffix}"
  description          = "The function ${local.cleanup_name}"
  assume_role_policy   = local.assume_by_lambda
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_policy" "cleanup_lambda_policy" {
  name        = "CleanupAccessKeyLambdaPolicy${var.name_suffix}"
  description = "What the function ${local.cleanup_name} may do"
  tags        = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.needed["cleanup-secrets"], local.running, [{
      Sid      = "WriteLogs"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["${aws_cloudwatch_log_group.cleanup_cloudwatch_log_group.arn}:*"]
    }])
  })

  # As above.
  lifecycle {
    ignore_changes = [description]
  }
}

resource "aws_iam_role_policy_attachment" "cleanup_lambda_policy_attachment" {
  role       = aws_iam_role.cleanup_lambda_role.name
  policy_arn = aws_iam_policy.cleanup_lambda_policy.arn
}

resource "aws_iam_role" "schedule" {
  name                 = "CleanupAccessKeyLambdaSchedule${var.name_suffix}"
  description          = "The schedule ${local.cleanup_name}"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "schedule" {
  name = "CleanupAccessKeyLambdaSchedule${var.name_suffix}"
  role = aws_iam_role.schedule.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "StartCleanups", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = [aws_lambda_function.cleanup_lambda.arn] },
    ]
  })
}
