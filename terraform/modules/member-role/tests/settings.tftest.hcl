# What the settings come to, and which of them are refused. Needs no account.

mock_provider "aws" {
  override_during = plan

  mock_data "aws_caller_identity" {
    defaults = { account_id = "444455556666" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }
}

variables {
  rotator_role_arns = ["arn:aws:iam::111122223333:role/keyturn-worker"]
  organization_id   = "o-a1b2c3d4e5"
}

run "the_rotators_role_is_let_in_by_name_and_the_organization_is_asked_for" {
  command = plan
  assert {
    condition = jsondecode(output.trust_policy).Statement == [{
      Sid       = "LetTheRotatorIn"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::111122223333:root" }
      Action    = "sts:AssumeRole"
      Condition = {
        ArnEquals    = { "aws:PrincipalArn" = ["arn:aws:iam::111122223333:role/keyturn-worker"] }
        StringEquals = { "aws:PrincipalOrgID" = "o-a1b2c3d4e5" }
      }
    }]
    error_message = "Nobody else, and nothing but to assume it."
  }
  assert {
    condition     = output.role == "KeyturnMember" && aws_iam_role.member.max_session_duration == 3600
    error_message = "The usual name."
  }
  assert {
    condition = [for each in jsondecode(output.policy).Statement : each.Sid] == [
      "FindUsers", "ReadUsers", "ReadLastUse", "RotateKeys", "KeepTheRecord", "Escrow", "ListEscrow",
    ]
    error_message = "What no setting needs is left out."
  }
  assert {
    condition     = strcontains(output.policy, "ssm:eu-central-1:444455556666:parameter/keyturn/escrow/444455556666/*")
    error_message = "The escrow is in this account, and in the provider's region."
  }
}

run "more_is_asked_of_who_comes_in_and_less_is_reached" {
  command = plan
  variables {
    external_id           = "7c1f-turn"
    allow_source_identity = true
    path                  = "/service/"
    user_path             = "/ci/"
    user_tag              = { key = "team", value = "build" }
    escrow                = false
    region                = "eu-west-1"
    ssm_prefix            = "/keys"
    kms_key_arns          = ["arn:aws:kms:eu-west-1:444455556666:key/0000-1111"]
    more_permissions      = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"ReadUsers\",\"Effect\":\"Allow\",\"Action\":[\"ses:SendEmail\"],\"Resource\":[\"*\"]}]}"
  }
  assert {
    condition     = jsondecode(output.trust_policy).Statement[0].Condition.StringEquals == { "aws:PrincipalOrgID" = "o-a1b2c3d4e5", "sts:ExternalId" = "7c1f-turn" }
    error_message = "Both are asked of whoever assumes the role."
  }
  assert {
    condition     = jsondecode(output.trust_policy).Statement[1].Action == "sts:SetSourceIdentity" && !strcontains(jsonencode(jsondecode(output.trust_policy).Statement[1]), "ExternalId")
    error_message = "The source identity is a permission of its own."
  }
  assert {
    condition = alltrue([
      for each in jsondecode(output.policy).Statement :
      try(each.Condition.StringEquals["iam:ResourceTag/team"], "") == (contains(["RotateKeys", "KeepTheRecord"], each.Sid) ? "build" : "")
    ])
    error_message = "Only who has the tag is changed; the others are read."
  }
  assert {
    condition     = strcontains(output.policy, "user/ci/*") && !strcontains(output.policy, "user/*") && !strcontains(output.policy, "escrow")
    error_message = "Users by path, and no escrow."
  }
  assert {
    condition     = strcontains(output.policy, "ssm:eu-west-1:444455556666:parameter/keys/*") && strcontains(output.policy, "KmsForParameterStore") && !strcontains(output.policy, "KmsForEscrow")
    error_message = "Parameters in the rotator's region, with their key."
  }
  assert {
    condition     = output.role == "service/KeyturnMember" && strcontains(aws_iam_role_policy.member["more"].policy, "ses:SendEmail")
    error_message = "What is asked for besides stands in a policy of its own."
  }
}

run "an_account_without_an_organization_says_so" {
  command = plan
  variables {
    organization_id = null
  }
  assert {
    condition     = keys(jsondecode(output.trust_policy).Statement[0].Condition) == ["ArnEquals"]
    error_message = "The role's name is asked for all the same."
  }
}

run "wildcards_and_what_the_role_could_give_itself_are_refused" {
  command = plan
  variables {
    rotator_role_arns     = ["arn:aws:iam::111122223333:role/*"]
    organization_id       = "*"
    external_id           = "x"
    name                  = "a/b"
    path                  = "service"
    max_session_duration  = 60
    user_path             = "/ci/*"
    user_tag              = { key = "Keyturn:Rotation", value = "x" }
    region                = "*"
    ssm_prefix            = "/"
    secretsmanager_prefix = "*"
    kms_key_arns          = ["*"]
    more_permissions      = "{}"
  }
  expect_failures = [
    var.rotator_role_arns,
    var.organization_id,
    var.external_id,
    var.name,
    var.path,
    var.max_session_duration,
    var.user_path,
    var.user_tag,
    var.region,
    var.ssm_prefix,
    var.secretsmanager_prefix,
    var.kms_key_arns,
    var.more_permissions,
  ]
}

run "rotators_are_of_one_account" {
  command = plan
  variables {
    rotator_role_arns = ["arn:aws:iam::111122223333:role/a", "arn:aws:iam::999988887777:role/b"]
  }
  expect_failures = [var.rotator_role_arns]
}

run "a_tag_is_text_and_no_variable_of_a_policy" {
  command = plan
  variables {
    user_tag = { key = "team", value = "$${aws:username}" }
  }
  expect_failures = [var.user_tag]
}
