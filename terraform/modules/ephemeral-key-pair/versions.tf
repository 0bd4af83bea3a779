terraform {
  # Ephemeral outputs of a module, for write-only arguments, came with 1.10 and 1.11.
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }
  }
}
