# The account that rotates: the management account, or better a delegated administrator. Every account that it works in needs the role
# KeyturnMember, this one included, which is not made here: README.md says how it gets there.

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
