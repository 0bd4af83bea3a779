variable "region" {
  description = "Region of everything that is made here."
  type        = string
  default     = "us-east-1"
}

variable "profile" {
  description = "Profile of the AWS configuration."
  type        = string
  default     = null
}

variable "access_key" {
  description = "Access key id to sign with; better: profile, or a role."
  type        = string
  default     = null
}

variable "secret_key" {
  description = "Its secret."
  type        = string
  default     = null
  sensitive   = true
  ephemeral   = true
}

variable "session_token" {
  description = "Its session token, where it has one."
  type        = string
  default     = null
  sensitive   = true
  ephemeral   = true
}

variable "mail_from" {
  description = "The address that mails come from."
  type        = string
}

variable "mail_allowed_domains" {
  description = "Domains that keys may be mailed to."
  type        = list(string)
}
