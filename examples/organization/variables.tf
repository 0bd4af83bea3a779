variable "region" {
  description = "Region of everything that is made here, and of the parameters that new keys go to."
  type        = string
  default     = "eu-central-1"
}

variable "organization_id" {
  description = "Id of the organization: aws organizations describe-organization --query Organization.Id."
  type        = string
}

variable "dry_run" {
  description = "Whether workers only look. Read the report of a few runs, then say false."
  type        = bool
  default     = true
}

variable "redrive_principal_arns" {
  description = "Who may give accounts that were given up on to workers again."
  type        = list(string)
  default     = []
}
