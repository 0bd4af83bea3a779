# A consumer: every few minutes it reads the object with the key of each secret, and fails where it cannot.

resource "aws_lambda_function" "tester" {
  function_name    = "testAccessKey"
  description      = "Reads an object with the rotated keys"
  role             = aws_iam_role.tester.arn
  filename         = "${local.packages}/tester.zip"
  source_code_hash = filebase64sha256("${local.packages}/tester.zip")
  handler          = "index.handler"
  runtime          = "nodejs22.x"
  architectures    = ["arm64"]
  memory_size      = 256
  timeout          = 60
  tags             = local.tags

  environment {
    variables = {
      TEST_BUCKET  = aws_s3_object.test.bucket
      TEST_OBJECT  = aws_s3_object.test.key
      TEST_SECRETS = join(",", [for bot in module.app_bot : bot.secret_arn])
    }
  }

  depends_on = [aws_iam_role_policy.tester]
}

resource "aws_cloudwatch_log_group" "tester" {
  name              = "/aws/lambda/testAccessKey"
  retention_in_days = 30
  tags              = local.tags
}

resource "aws_iam_role" "tester" {
  name = "TestAccessKeyLambdaRole"
  tags = local.tags

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

# It reads the secrets, and nothing else: the object is for the keys in them.
resource "aws_iam_role_policy" "tester" {
  name = "TestAccessKeyLambdaPolicy"
  role = aws_iam_role.tester.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "ReadSecrets", Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = [for bot in module.app_bot : bot.secret_arn] },
      { Sid = "WriteLogs", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = ["${aws_cloudwatch_log_group.tester.arn}:*"] },
    ]
  })
}

resource "aws_scheduler_schedule" "tester" {
  name                = "testAccessKey"
  schedule_expression = "rate(${var.tester_lambda_run_rate})"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.tester.arn
    role_arn = aws_iam_role.tester_schedule.arn
  }

  depends_on = [aws_iam_role_policy.tester_schedule]
}

resource "aws_iam_role" "tester_schedule" {
  name = "TestAccessKeyLambdaSchedule"
  tags = local.tags

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "scheduler.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "tester_schedule" {
  name = "TestAccessKeyLambdaSchedule"
  role = aws_iam_role.tester_schedule.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = [aws_lambda_function.tester.arn] }]
  })
}
