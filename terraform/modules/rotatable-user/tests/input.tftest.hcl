# What is made of the variables, and what is refused. Against a provider that only pretends: no account, no credentials.

mock_provider "aws" {
  override_during = plan

  mock_resource "aws_secretsmanager_secret" {
    defaults = {
      arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:dev/app-bot-key-AbCdEf"
    }
  }
}

variables {
  user_name          = "app-bot"
  secret_name        = "dev/app-bot-key"
  rotator_lambda_arn = "arn:aws:lambda:eu-west-1:111122223333:function:rotateAccessKey"
}

run "defaults" {
  command = plan

  assert {
    condition     = aws_iam_user.rotatable_user.tags == tomap({ Rotatable = "true" }) && aws_secretsmanager_secret.rotatable_secret.tags == tomap({ Rotatable = "true" })
    error_message = "user and secret bear the tag"
  }

  assert {
    condition     = aws_secretsmanager_secret_rotation.rotatable_secret.rotation_rules[0].automatically_after_days == 30 && aws_secretsmanager_secret_rotation.rotatable_secret.rotate_immediately
    error_message = "every thirty days, and now"
  }

  assert {
    condition     = aws_secretsmanager_secret_version.rotatable_secret.version_stages == toset(["keyturn-first"])
    error_message = "no later apply takes AWSCURRENT"
  }

  assert {
    condition     = length(aws_secretsmanager_secret_policy.rotatable_secret) == 0 && length(aws_iam_user_policy.this) == 0
    error_message = "no policy that nobody gave"
  }
}

run "own_tags_do_not_take_the_tag_away" {
  command = plan

  variables {
    user_tags     = { Rotatable = "false", team = "ci" }
    secret_tags   = { Rotatable = "false" }
    secret_policy = "{\"Version\": \"2012-10-17\", \"Statement\": []}"
    user_policies = { Read = "{\"Version\": \"2012-10-17\", \"Statement\": []}" }
  }

  assert {
    condition     = aws_iam_user.rotatable_user.tags == tomap({ Rotatable = "true", team = "ci" }) && aws_secretsmanager_secret.rotatable_secret.tags["Rotatable"] == "true"
    error_message = "the tag stands"
  }

  assert {
    condition     = aws_secretsmanager_secret_policy.rotatable_secret[0].block_public_policy && aws_iam_user_policy.this["Read"].user == "app-bot"
    error_message = "policies are attached"
  }
}

run "a_prefix_in_place_of_a_name" {
  command = plan

  variables {
    secret_name        = null
    secret_name_prefix = "dev/"
  }

  assert {
    condition     = aws_secretsmanager_secret.rotatable_secret.name_prefix == "dev/"
    error_message = "a prefix is enough"
  }
}

run "both_are_refused" {
  command = plan

  variables {
    secret_name_prefix = "dev/"
  }

  expect_failures = [var.secret_name]
}

run "neither_is_refused" {
  command = plan

  variables {
    secret_name = null
  }

  expect_failures = [var.secret_name]
}

run "other_bad_input_is_refused" {
  command = plan

  variables {
    user_name                      = "a b"
    user_path                      = "bots"
    user_tags                      = { "keyturn:rotation" = "v1" }
    user_policies                  = { Read = "all" }
    secret_name                    = "dev,app"
    secret_policy                  = "none"
    secret_recovery_window_in_days = 3
    secret_user_name_field         = ""
    rotator_lambda_arn             = "rotateAccessKey"
    rotate_after_days              = 0.5
  }

  expect_failures = [
    var.user_name,
    var.user_path,
    var.user_tags,
    var.user_policies,
    var.secret_name,
    var.secret_policy,
    var.secret_recovery_window_in_days,
    var.secret_user_name_field,
    var.rotator_lambda_arn,
    var.rotate_after_days,
  ]
}
