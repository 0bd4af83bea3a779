# What a queue is made of stands in one place, its policies included: so no queue is ever there without them. Queues name each other, and
# the roles that send, so ARNs are put together out of names here.

locals {
  # A message must stay out of sight for as long as it may be worked on, Lambda's own retries included: AWS recommends six times the timeout.
  # @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
  visibility_timeout = 6 * var.function_timeout

  queue_names = { work = "${var.name}-work", dead = "${var.name}-work-dead", failed = "${local.names.planner}-failed" }
  queue_arns  = { for queue, name in local.queue_names : queue => "arn:${local.partition}:sqs:${local.region}:${local.account}:${name}" }

  tls_only = { for queue, arn in local.queue_arns : queue => {
    Sid       = "TlsOnly"
    Effect    = "Deny"
    Principal = "*"
    Action    = "sqs:*"
    Resource  = arn
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  } }

  # A message makes a worker enter an account: nobody else in this account sends one, whatever their own policies allow. Moving dead
  # messages back sends them, too, in the name of the person who does it.
  only_ours_send = {
    Sid       = "OnlyPlannerAndWorkersSend"
    Effect    = "Deny"
    Principal = "*"
    Action    = "sqs:SendMessage"
    Resource  = local.queue_arns.work
    Condition = { ArnNotLike = { "aws:PrincipalArn" = concat([for name in values(local.names) : "arn:${local.partition}:iam::${local.account}:role/${name}"], var.redrive_principal_arns) } }
  }
}

resource "aws_sqs_queue" "work" {
  name                       = local.queue_names.work
  visibility_timeout_seconds = local.visibility_timeout
  message_retention_seconds  = 345600
  max_message_size           = 1024
  sqs_managed_sse_enabled    = var.queue_kms_key_arn == null ? true : null
  kms_master_key_id          = var.queue_kms_key_arn
  policy                     = jsonencode({ Version = "2012-10-17", Statement = [local.tls_only.work, local.only_ours_send] })
  tags                       = var.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = var.max_receive_count
  })
}

# Accounts that were given up on. A message keeps the time of its first sending, so it is kept for longer here than in the queue.
resource "aws_sqs_queue" "dead" {
  name                      = local.queue_names.dead
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = var.queue_kms_key_arn == null ? true : null
  kms_master_key_id         = var.queue_kms_key_arn
  policy                    = jsonencode({ Version = "2012-10-17", Statement = [local.tls_only.dead] })
  tags                      = var.tags

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [local.queue_arns.work]
  })
}

# Runs that could not be begun. A queue of its own: what the schedule or Lambda puts here is no account, and must never be moved into the
# queue of the workers.
resource "aws_sqs_queue" "failed" {
  name                      = local.queue_names.failed
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  policy                    = jsonencode({ Version = "2012-10-17", Statement = [local.tls_only.failed] })
  tags                      = var.tags
}
