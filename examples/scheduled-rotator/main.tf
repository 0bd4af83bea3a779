# A root module, as aws-iam-key-rotator's folder terraform/ was one: the provider's variables are here, for a module that holds a
# provider cannot be used with count, for_each or depends_on. moved.tf takes over its state: docs/migrating.md.

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
  region     = var.region
  profile    = var.profile
  access_key = var.access_key
  secret_key = var.secret_key
  token      = var.session_token
}

module "rotator" {
  source = "../../terraform/modules/scheduled-rotator"

  package              = { folder = "${path.module}/../../dist-lambda" }
  mail_from            = var.mail_from
  mail_allowed_domains = var.mail_allowed_domains
  tags                 = { project = "keyturn" }
}
