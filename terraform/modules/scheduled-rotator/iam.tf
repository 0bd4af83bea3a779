locals {
  # Domains are compared without their case: the functions write this one small, too.
  mail_from   = "${split("@", var.mail_from)[0]}@${local.mail_domain}"
  mail_domain = lower(split("@", var.mail_from)[1])
  mail_labels = split(".", local.mail_domain)

  # What may be verified in SES for that address: itself, its domain, or a domain above that.
  mail_identities = [
    for name in concat([local.mail_from], [for index in range(length(local.mail_labels) - 1) : join(".", slice(local.mail_labels, index, length(local.mail_labels)))]) :
    "arn:${data.aws_partition.current.partition}:ses:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:identity/${name}"
  ]

  # What the functions ask of AWS: generated from the same source as `keyturn policy` (a test holds them equal).
  policy_values = {
    partition         = data.aws_partition.current.partition
    account           = data.aws_caller_identity.current.account_id
    region            = data.aws_region.current.id
    user_path         = var.user_path
    table_arn         = aws_dynamodb_table.iam_key_rotator.arn
    mail_from         = local.mail_from
    mail_identities   = local.mail_identities
    smtp_parameter    = trimprefix(coalesce(local.smtp_parameter, "unused"), "/")
    mailgun_parameter = trimprefix(coalesce(local.mailgun_parameter, "unused"), "/")
  }

  # Statements that only some settings need, by their Sid.
  unneeded = concat(
    var.mail_client == "ses" ? [] : ["SendMail"],
    var.mail_client == "smtp" ? [] : ["ReadSmtpPassword"],
    var.mail_client == "mailgun" ? [] : ["ReadMailgunKey"],
    var.encrypt_key_pair ? [] : ["SealWithFernet"],
    var.large_account ? [] : ["ListTheAccount"],
  )

  creator_statements    = jsondecode(templatefile("${path.module}/policies/creator.json.tftpl", local.policy_values)).Statement
  destructor_statements = jsondecode(templatefile("${path.module}/policies/destructor.json.tftpl", local.policy_values)).Statement

  # Where the configuration is fetched from; null where it is not fetched. What is percent-encoded in the name of an object stands for any character.
  config_parameter = try(regex("^ssm:/?([A-Za-z0-9_./-]+)", var.keyturn_config)[0], null)
  config_object    = try(regex("^s3://([^/?#]+/[^?#\\s]+)", var.keyturn_config)[0], null)

  reading_config = concat(
    local.config_parameter == null ? [] : [{
      Sid      = "ReadConfiguration"
      Effect   = "Allow"
      Action   = ["ssm:GetParameter"]
      Resource = ["arn:${data.aws_partition.current.partition}:ssm:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:parameter/${local.config_parameter}"]
    }],
    local.config_object == null ? [] : [{
      Sid      = "ReadConfiguration"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:GetObjectVersion"]
      Resource = ["arn:${data.aws_partition.current.partition}:s3:::${replace(local.config_object, "/%[0-9A-Fa-f]{2}/", "?")}"]
    }],
  )

  # What the configuration asks for beyond mail: as keyturn policy prints it. Sids may come twice: without them nothing is lost.
  more_statements = [
    for statement in try(jsondecode(var.more_permissions).Statement, []) :
    { for name, value in statement : name => value if name != "Sid" }
  ]

  # What Lambda itself needs to run either function.
  running = concat(
    [
      { Sid = "KeepWhatFailed", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = [aws_sqs_queue.failed.arn] },
    ],
    var.xray_tracing_mode != "Active" ? [] : [
      # X-Ray knows no resources.
      { Sid = "Trace", Effect = "Allow", Action = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], Resource = ["*"] },
    ],
    var.kms_key_arn == null ? [] : [
      { Sid = "UseTableKey", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = [var.kms_key_arn] },
    ],
    var.lambda_kms_key_arn == null ? [] : [
      { Sid = "UseFunctionKey", Effect = "Allow", Action = ["kms:Decrypt"], Resource = [var.lambda_kms_key_arn] },
    ],
  )

  assume_by_lambda = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role" "iam_key_creator" {
  name                  = var.key_creator_role_name
  assume_role_policy    = local.assume_by_lambda
  permissions_boundary  = var.permissions_boundary_arn
  force_detach_policies = true
  tags                  = var.tags
}

resource "aws_iam_role_policy" "iam_key_creator_policy" {
  name = "${var.key_creator_role_name}-policy"
  role = aws_iam_role.iam_key_creator.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for statement in local.creator_statements : statement if !contains(local.unneeded, statement.Sid)],
      local.more_statements,
      local.reading_config,
      local.running,
      [{
        Sid      = "WriteLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.creator.arn}:*"]
      }],
    )
  })
}

resource "aws_iam_role" "iam_key_destructor" {
  name                  = var.key_destructor_role_name
  assume_role_policy    = local.assume_by_lambda
  permissions_boundary  = var.permissions_boundary_arn
  force_detach_policies = true
  tags                  = var.tags
}

resource "aws_iam_role_policy" "iam_key_destructor_policy" {
  name = "${var.key_destructor_role_name}-policy"
  role = aws_iam_role.iam_key_destructor.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for statement in local.destructor_statements : statement if !contains(local.unneeded, statement.Sid)],
      local.more_statements,
      local.reading_config,
      local.running,
      [
        {
          Sid      = "WriteLogs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = ["${aws_cloudwatch_log_group.destructor.arn}:*"]
        },
        {
          Sid      = "ReadTheStream"
          Effect   = "Allow"
          Action   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
          Resource = [aws_dynamodb_table.iam_key_rotator.stream_arn]
        },
        {
          # ListStreams knows no single streams.
          Sid      = "FindTheStream"
          Effect   = "Allow"
          Action   = ["dynamodb:ListStreams"]
          Resource = ["*"]
        },
      ],
    )
  })
}

resource "aws_iam_role" "schedule" {
  name                 = "${var.key_creator_function_name}-schedule"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "schedule" {
  name = "${var.key_creator_function_name}-schedule"
  role = aws_iam_role.schedule.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "StartRuns", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = [aws_lambda_function.iam_key_creator.arn] },
      { Sid = "KeepWhatFailed", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = [aws_sqs_queue.failed.arn] },
    ]
  })
}
