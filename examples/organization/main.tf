# The account that rotates: the management account, or better a delegated administrator. What the other accounts need is a role; see
# README.md.

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

module "organization" {
  source = "../../terraform/modules/organization"

  package                = { folder = "${path.module}/../../dist-lambda" }
  keyturn_config         = file("${path.module}/keyturn.yaml")
  organization_id        = var.organization_id
  member_roles           = ["KeyturnMember"]
  dry_run                = var.dry_run
  redrive_principal_arns = var.redrive_principal_arns
  alarm_actions          = [aws_sns_topic.alarms.arn]
  tags                   = { project = "keyturn" }
}

# Whoever is to hear of alarms subscribes to it.
resource "aws_sns_topic" "alarms" {
  name = "keyturn-alarms"
  tags = { project = "keyturn" }
}

# Another account's role comes from the StackSet; this account's own, and the management account's, which no service-managed StackSet
# reaches, from the module.
module "member" {
  source = "../../terraform/modules/member-role"

  rotator_role_arns = [module.organization.worker_role_arn]
  organization_id   = var.organization_id
  external_id       = "keyturn-example"
  user_path         = "/ci/"
  ssm_prefix        = "/keys"
}
