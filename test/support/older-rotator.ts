import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const role = (name: string, prefix: string) => `
resource "aws_iam_role" "${name}_lambda_role" {
  name               = "${prefix}AccessKeyLambdaRole"
  description        = "Allows much"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }] })
}

resource "aws_iam_policy" "${name}_lambda_policy" {
  name        = "${prefix}AccessKeyLambdaPolicy"
  description = "Allows much"
  policy      = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "iam:CreateAccessKey", Resource = "*" }] })
}

resource "aws_iam_role_policy_attachment" "${name}_lambda_policy_attachment" {
  role       = aws_iam_role.${name}_lambda_role.name
  policy_arn = aws_iam_policy.${name}_lambda_policy.arn
}

resource "aws_cloudwatch_log_group" "${name}_cloudwatch_log_group" {
  name              = "/aws/lambda/\${aws_lambda_function.${name}_lambda.function_name}"
  retention_in_days = 30
}
`;

const lambda = (name: string, functionName: string, zip: string) => `
resource "aws_lambda_function" "${name}_lambda" {
  filename      = ${JSON.stringify(zip)}
  function_name = "${functionName}"
  handler       = "${name}-lambda"
  role          = aws_iam_role.${name}_lambda_role.arn
  runtime       = "provided.al2"

  # The emulator keeps the architecture that a function was made with.
  architectures = ["arm64"]
}
`;

const ROTATOR = (zip: string) => `${role("rotate", "Rotate")}${role("cleanup", "Cleanup")}
${lambda("rotate", "rotateAccessKey", zip)}${lambda("cleanup", "cleanupAccessKey", zip)}
resource "aws_lambda_permission" "allow_secret_manager_call_rotate_lambda" {
  function_name = aws_lambda_function.rotate_lambda.function_name
  action        = "lambda:InvokeFunction"
  principal     = "secretsmanager.amazonaws.com"
}

resource "aws_cloudwatch_event_rule" "cleanup_rule" {
  name                = "cleanup_rule"
  schedule_expression = "rate(24 hours)"
}

resource "aws_cloudwatch_event_target" "cleanup_target" {
  target_id = "cleanup_lambda"
  rule      = aws_cloudwatch_event_rule.cleanup_rule.name
  arn       = aws_lambda_function.cleanup_lambda.arn
}
`;

const ROTATABLE_USER = `
resource "aws_iam_user" "rotatable_user" {
  name = "app-bot"
  tags = { Rotatable = "true" }
}

resource "aws_secretsmanager_secret" "rotatable_secret" {
  name = "dev/app-bot-key"
  tags = { Rotatable = "true" }
}

resource "aws_secretsmanager_secret_version" "rotatable_secret" {
  secret_id     = aws_secretsmanager_secret.rotatable_secret.id
  secret_string = jsonencode({ UserName = aws_iam_user.rotatable_user.name })
}
`;

/**
 * Writes what aws-accesskey-rotator leaves in a state: resources under its addresses and names, as today's provider has them (so
 * the rotation, which was an argument of the secret, is in none). `zip` stands for its functions.
 */
export function writeOlderRotator(folder: string, zip: string): void {
  for (const [name, text] of [
    ["rotator", ROTATOR(zip)],
    ["rotatable_user", ROTATABLE_USER],
  ] as const) {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, "main.tf"), text);
  }
}
