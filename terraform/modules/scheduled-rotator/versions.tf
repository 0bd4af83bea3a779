terraform {
  # Write-only arguments, which keep the passwords of mail servers out of state and plan.
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }
  }
}
