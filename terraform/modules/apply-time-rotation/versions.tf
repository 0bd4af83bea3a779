terraform {
  # Write-only arguments and ephemeral variables, which keep a secret that is handed in out of plans and state, came with 1.11.
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }
  }
}
