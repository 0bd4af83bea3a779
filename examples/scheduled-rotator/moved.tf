# What stays of the configuration of aws-iam-key-rotator, where its state is taken over. Without such a state it says nothing.

moved {
  from = aws_dynamodb_table.iam_key_rotator
  to   = module.rotator.aws_dynamodb_table.iam_key_rotator
}

moved {
  from = aws_iam_role.iam_key_creator
  to   = module.rotator.aws_iam_role.iam_key_creator
}

moved {
  from = aws_iam_role.iam_key_destructor
  to   = module.rotator.aws_iam_role.iam_key_destructor
}

moved {
  from = aws_iam_role_policy.iam_key_creator_policy
  to   = module.rotator.aws_iam_role_policy.iam_key_creator_policy
}

moved {
  from = aws_iam_role_policy.iam_key_destructor_policy
  to   = module.rotator.aws_iam_role_policy.iam_key_destructor_policy
}

moved {
  from = aws_lambda_function.iam_key_creator
  to   = module.rotator.aws_lambda_function.iam_key_creator
}

moved {
  from = aws_lambda_function.iam_key_destructor
  to   = module.rotator.aws_lambda_function.iam_key_destructor
}

moved {
  from = aws_lambda_event_source_mapping.iam_key_destructor
  to   = module.rotator.aws_lambda_event_source_mapping.iam_key_destructor
}

moved {
  from = aws_ssm_parameter.smtp
  to   = module.rotator.aws_ssm_parameter.smtp
}

moved {
  from = aws_ssm_parameter.mailgun
  to   = module.rotator.aws_ssm_parameter.mailgun
}
