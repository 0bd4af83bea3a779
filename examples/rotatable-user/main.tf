# Two users whose access keys Secrets Manager rotates, and what uses them: a function that reads from S3 with both, and a pipeline
# that reads the key when it deploys. Before: npm run package, which makes the functions' packages.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }
  }
}

provider "aws" {
  region = var.region
}

locals {
  packages = coalesce(var.packages, "${path.module}/../../dist-lambda")
  tags     = { project = "keyturn" }
}

module "rotator" {
  source = "../../terraform/modules/rotator"

  package                 = { folder = local.packages }
  cleanup_lambda_run_rate = "1 hour"
  tags                    = local.tags

  # A new key is served only when it can read what its users read.
  test_object = { bucket = aws_s3_object.test.bucket, key = aws_s3_object.test.key, region = var.region }
}

module "app_bot" {
  source   = "../../terraform/modules/rotatable-user"
  for_each = var.users

  user_name          = each.key
  user_path          = "/bots/"
  user_policies      = { GetPermissionTestData = data.aws_iam_policy_document.read_test_object.json }
  user_tags          = local.tags
  user_force_destroy = true

  secret_name                    = each.value
  secret_tags                    = local.tags
  secret_recovery_window_in_days = 0
  rotate_after_days              = var.rotate_after_days
  rotator_lambda_arn             = module.rotator.rotator_lambda_arn
}

resource "aws_s3_bucket" "test" {
  bucket        = var.test_bucket
  force_destroy = true
  tags          = local.tags
}

resource "aws_s3_bucket_public_access_block" "test" {
  bucket                  = aws_s3_bucket.test.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_object" "test" {
  bucket  = aws_s3_bucket.test.id
  key     = "test"
  content = "Whoever reads this has a key that works.\n"
}

data "aws_iam_policy_document" "read_test_object" {
  statement {
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.test.arn}/test"]
  }
}
