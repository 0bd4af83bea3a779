terraform {
  # Variables may be validated against each other from 1.9 on; the modules beside this one need 1.11.
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }
  }
}
