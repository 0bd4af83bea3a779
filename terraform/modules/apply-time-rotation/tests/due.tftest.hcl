# What a plan takes for due, and which names it refuses. Against a provider that only pretends: no account, no credentials.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = {
      name = "eu-central-1"
    }
  }

  mock_data "aws_iam_users" {
    defaults = {
      names = ["ci-bot"]
    }
  }

  mock_data "aws_caller_identity" {
    defaults = {
      account_id = "111122223333"
    }
  }
}

variables {
  iam_user = "ci-bot"
  iam_key  = "AKIAIOSFODNN7EXAMPLE"
}

run "a_young_key_is_left_alone" {
  command = plan

  override_data {
    target = data.aws_iam_access_keys.this[0]
    values = {
      access_keys = [{ access_key_id = "AKIAIOSFODNN7EXAMPLE", create_date = "2999-01-01T00:00:00Z", status = "Active" }]
    }
  }

  assert {
    condition     = !local.due && local.mark == "none"
    error_message = "a young key, served, is not due"
  }

  assert {
    condition = (
      aws_kms_alias.this.name == "alias/ssm-ci-bot" &&
      aws_ssm_parameter.current_secret_id.name == "/ci-bot/iam-key" &&
      aws_ssm_parameter.current_secret_key.name == "/ci-bot/iam-secret" &&
      aws_ssm_parameter.deactivated_key_timestamp.name == "/ci-bot/deactivated-key-timestamp" &&
      aws_ssm_parameter.deactivated_key_timestamp.value == "-1" &&
      alltrue([for tags in [aws_kms_key.ssm_key.tags, aws_ssm_parameter.current_secret_id.tags] : tags.purpose == "ROTATING IAM KEYS FOR ci-bot"])
    )
    error_message = "names, values and tags are those of the module before"
  }
}

run "an_old_key_is_due" {
  command = plan

  override_data {
    target = data.aws_iam_access_keys.this[0]
    values = {
      access_keys = [{ access_key_id = "AKIAIOSFODNN7EXAMPLE", create_date = "2020-01-01T00:00:00Z", status = "Active" }]
    }
  }

  assert {
    condition     = local.too_old && terraform_data.rotation.triggers_replace[1] == plantimestamp()
    error_message = "a key of years is due"
  }
}

run "whole_days_count" {
  command = plan

  variables {
    max_age_days = 36500
  }

  override_data {
    target = data.aws_iam_access_keys.this[0]
    values = {
      access_keys = [{ access_key_id = "AKIAIOSFODNN7EXAMPLE", create_date = "2020-01-01T00:00:00Z", status = "Active" }]
    }
  }

  assert {
    condition     = !local.due
    error_message = "max_age_days is heeded"
  }
}

run "two_active_keys_are_a_rotation_under_way" {
  command = plan

  override_data {
    target = data.aws_iam_access_keys.this[0]
    values = {
      access_keys = [
        { access_key_id = "AKIAIOSFODNN7EXAMPLE", create_date = "2999-01-01T00:00:00Z", status = "Active" },
        { access_key_id = "AKIAIOSFODNN7EXAMPL2", create_date = "2999-01-01T00:00:00Z", status = "Active" },
      ]
    }
  }

  assert {
    condition     = local.due && !local.too_old
    error_message = "an old key may wait to be made Inactive"
  }
}

run "a_key_that_a_person_made_inactive_is_not" {
  command = plan

  override_data {
    target = data.aws_iam_access_keys.this[0]
    values = {
      access_keys = [
        { access_key_id = "AKIAIOSFODNN7EXAMPL0", create_date = "2020-01-01T00:00:00Z", status = "Inactive" },
        { access_key_id = "AKIAIOSFODNN7EXAMPLE", create_date = "2999-01-01T00:00:00Z", status = "Active" },
      ]
    }
  }

  assert {
    condition     = !local.due
    error_message = "nothing waits to be deleted"
  }
}

run "a_key_that_nobody_serves_is_looked_into" {
  command = plan

  override_data {
    target = data.aws_iam_access_keys.this[0]
    values = {
      access_keys = [{ access_key_id = "AKIAIOSFODNN7EXAMPL9", create_date = "2999-01-01T00:00:00Z", status = "Active" }]
    }
  }

  assert {
    condition     = local.unpublished && local.due
    error_message = "the parameters serve another key"
  }
}

run "a_user_that_does_not_exist_yet_gets_a_first_key" {
  command = plan

  variables {
    iam_user = "new-bot"
    iam_key  = "-1"
  }

  assert {
    condition     = local.due && length(data.aws_iam_access_keys.this) == 0
    error_message = "its keys cannot be listed at plan"
  }
}

run "names_that_kms_or_ssm_refuse_are_encoded" {
  command = plan

  variables {
    iam_user = "j.doe_x+a=b,c@d"
    iam_key  = "-1"
  }

  assert {
    condition = (
      aws_ssm_parameter.current_secret_id.name == "/j.doe_x5F_x_x2B_a_x3D_b_x2C_c_x40_d/iam-key" &&
      aws_kms_alias.this.name == "alias/ssm-j_x2E_doe_x5F_x_x2B_a_x3D_b_x2C_c_x40_d"
    )
    error_message = "each character that is not taken stands as _xHH_"
  }
}

run "dots_alone_are_no_name" {
  command = plan

  variables {
    iam_user = ".."
    iam_key  = "-1"
  }

  assert {
    condition     = aws_ssm_parameter.current_secret_id.name == "/_x2E_./iam-key"
    error_message = "no name climbs"
  }
}

run "names_that_are_awss_own_are_refused" {
  command = plan

  variables {
    iam_user = "AWS-bot"
  }

  expect_failures = [var.iam_user]
}

run "another_region_than_the_providers_is_refused" {
  command = plan

  variables {
    region = "us-east-1"
  }

  expect_failures = [aws_ssm_parameter.deactivated_key_timestamp]
}

run "other_bad_input_is_refused" {
  command = plan

  variables {
    iam_key                  = "AKIA"
    max_age_days             = 1.5
    delete_after_days        = -1
    deletion_window          = 6
    customer_master_key_spec = "RSA_4096"
    keyturn_command          = " "
  }

  expect_failures = [
    var.iam_key,
    var.max_age_days,
    var.delete_after_days,
    var.deletion_window,
    var.customer_master_key_spec,
    var.keyturn_command,
  ]
}
