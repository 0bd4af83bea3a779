locals {
  # A name stands for that role in every account.
  member_roles = [for role in var.member_roles : startswith(role, "arn:") ? role : "arn:${local.partition}:iam::*:role/${role}"]

  # What the functions ask of AWS: generated from keyturn's own source, and held equal to it by a test.
  policy_values = {
    partition       = local.partition
    account         = local.account
    region          = local.region
    queue_arn       = aws_sqs_queue.work.arn
    bucket_arn      = local.bucket_arn
    prefix          = local.prefix
    member_roles    = local.member_roles
    central_role    = coalesce(var.central_role_arn, "unused")
    list_as         = coalesce(var.list_as_role_arn, "unused")
    organization_id = coalesce(var.organization_id, "unused")
  }

  # Statements that only some settings need, by their Sid.
  asks_itself = var.ask_organizations && var.list_as_role_arn == null
  unneeded = concat(
    local.asks_itself ? [] : ["ListOrganization", "LookUpAccount"],
    var.ask_organizations && var.list_as_role_arn != null ? [] : ["ListAsRole"],
    var.central_role_arn != null ? [] : ["EnterCentral"],
  )

  # Without a known organization no condition names it, and only who sets a source identity may set one.
  statements = { for name in ["planner", "worker"] : name => [
    for statement in jsondecode(templatefile("${path.module}/policies/${name}.json.tftpl", local.policy_values)).Statement : merge(
      { for key, value in statement : key => value if key != "Condition" || var.organization_id != null },
      { Action = [for action in statement.Action : action if action != "sts:SetSourceIdentity" || var.source_identity == "run"] },
    ) if !contains(local.unneeded, statement.Sid)
  ] }

  # Where the configuration is fetched from; null where it is not fetched. What is percent-encoded in the name of an object stands for any character.
  config_parameter = try(regex("^ssm:/?([A-Za-z0-9_./-]+)", var.keyturn_config)[0], null)
  config_object    = try(regex("^s3://([^/?#]+/[^?#\\s]+)", var.keyturn_config)[0], null)

  reading_config = concat(
    local.config_parameter == null ? [] : [{
      Sid      = "ReadConfiguration"
      Effect   = "Allow"
      Action   = ["ssm:GetParameter"]
      Resource = ["arn:${local.partition}:ssm:${local.region}:${local.account}:parameter/${local.config_parameter}"]
    }],
    local.config_object == null ? [] : [{
      Sid      = "ReadConfiguration"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:GetObjectVersion"]
      Resource = ["arn:${local.partition}:s3:::${replace(local.config_object, "/%[0-9A-Fa-f]{2}/", "?")}"]
    }],
  )

  # What central destinations, mail and an escrow here ask for: as keyturn policy prints it. Sids may come twice: without them nothing is lost.
  more_statements = [
    for statement in try(jsondecode(var.more_permissions).Statement, []) :
    { for name, value in statement : name => value if name != "Sid" }
  ]

  # What Lambda itself needs to run either function, and what is encrypted with keys of yours.
  data_keys     = distinct(compact([var.queue_kms_key_arn, var.results_kms_key_arn]))
  settings_keys = distinct(compact([var.lambda_kms_key_arn, var.config_kms_key_arn]))
  running = concat(
    var.xray_tracing_mode != "Active" ? [] : [
      # X-Ray knows no resources.
      { Sid = "Trace", Effect = "Allow", Action = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], Resource = ["*"] },
    ],
    length(local.data_keys) == 0 ? [] : [
      { Sid = "UseDataKeys", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = local.data_keys },
    ],
    length(local.settings_keys) == 0 ? [] : [
      { Sid = "ReadSettings", Effect = "Allow", Action = ["kms:Decrypt"], Resource = local.settings_keys },
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

resource "aws_iam_role" "planner" {
  name                 = local.names.planner
  description          = "The function ${local.names.planner}"
  assume_role_policy   = local.assume_by_lambda
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_role_policy" "planner" {
  name = local.names.planner
  role = aws_iam_role.planner.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.statements.planner, local.reading_config, local.running, [
      { Sid = "KeepWhatFailed", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = [aws_sqs_queue.failed.arn] },
      {
        Sid      = "WriteLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.planner.arn}:*"]
      },
    ])
  })
}

resource "aws_iam_role" "worker" {
  name                 = local.names.worker
  description          = "The function ${local.names.worker}, which enters the accounts"
  assume_role_policy   = local.assume_by_lambda
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_role_policy" "worker" {
  name = local.names.worker
  role = aws_iam_role.worker.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.statements.worker, local.more_statements, local.reading_config, local.running, [
      {
        Sid      = "WriteLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.worker.arn}:*"]
      },
    ])
  })
}

resource "aws_iam_role" "schedule" {
  name                 = "${local.names.planner}-schedule"
  description          = "The schedule ${local.names.planner}"
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
  name = "${local.names.planner}-schedule"
  role = aws_iam_role.schedule.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "StartRuns", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = [aws_lambda_function.planner.arn] },
      { Sid = "KeepWhatFailed", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = [aws_sqs_queue.failed.arn] },
    ]
  })
}
