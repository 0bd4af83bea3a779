terraform {
  # Write-only arguments, by which the first value of the secret is written and never compared again, came with 1.11.
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }
  }
}
