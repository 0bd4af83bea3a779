# What each run planned and did. No secret is in it; who has which keys is.

locals {
  has_own_bucket = var.results_bucket == null
  results_bucket = local.has_own_bucket ? aws_s3_bucket.results[0].bucket : var.results_bucket
  bucket_arn     = "arn:${local.partition}:s3:::${local.results_bucket}"
  prefix         = var.results_prefix == "" ? "" : "${var.results_prefix}/"
}

resource "aws_s3_bucket" "results" {
  count         = local.has_own_bucket ? 1 : 0
  bucket        = "${var.name}-results-${local.account}-${local.region}"
  force_destroy = var.results_force_destroy
  tags          = var.tags
}

resource "aws_s3_bucket_public_access_block" "results" {
  count                   = local.has_own_bucket ? 1 : 0
  bucket                  = aws_s3_bucket.results[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "results" {
  count  = local.has_own_bucket ? 1 : 0
  bucket = aws_s3_bucket.results[0].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "results" {
  count  = local.has_own_bucket ? 1 : 0
  bucket = aws_s3_bucket.results[0].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "results" {
  count  = local.has_own_bucket ? 1 : 0
  bucket = aws_s3_bucket.results[0].id

  rule {
    bucket_key_enabled = var.results_kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.results_kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.results_kms_key_arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "results" {
  count  = local.has_own_bucket ? 1 : 0
  bucket = aws_s3_bucket.results[0].id

  rule {
    id     = "old-runs"
    status = "Enabled"

    filter {
      prefix = "${local.prefix}runs/"
    }

    expiration {
      days = var.results_retention_days
    }

    # A worker writes an account's result again while the run goes on.
    noncurrent_version_expiration {
      noncurrent_days = 30
    }
  }

  depends_on = [aws_s3_bucket_versioning.results]
}

resource "aws_s3_bucket_policy" "results" {
  count  = local.has_own_bucket ? 1 : 0
  bucket = aws_s3_bucket.results[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [local.bucket_arn, "${local.bucket_arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.results]
}
