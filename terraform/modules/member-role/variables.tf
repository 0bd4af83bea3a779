variable "rotator_role_arns" {
  description = "ARNs of the roles that may assume this one, to the letter, all of one account: worker_role_arn of the module organization; beside it the role of whoever types `keyturn run --all-accounts` there."
  type        = list(string)

  validation {
    condition = length(var.rotator_role_arns) > 0 && alltrue([
      for arn in var.rotator_role_arns : can(regex("^arn:(aws|aws-us-gov|aws-cn):iam::[0-9]{12}:role/([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,64}$", arn))
    ])
    error_message = "rotator_role_arns are ARNs of roles, without wildcards, such as arn:aws:iam::111122223333:role/keyturn-worker."
  }

  validation {
    condition     = length(distinct([for arn in var.rotator_role_arns : try(split(":", arn)[4], "")])) <= 1
    error_message = "rotator_role_arns are all of one account, the rotator's."
  }
}

variable "organization_id" {
  description = "Id of the organization (o-…) that the rotator's account must belong to; null, written out, where there is none."
  type        = string

  validation {
    condition     = var.organization_id == null ? true : can(regex("^o-[a-z0-9]{10,32}$", var.organization_id))
    error_message = "The id of an organization looks like o-a1b2c3d4e5: aws organizations describe-organization shows it."
  }
}

variable "external_id" {
  description = "The external id that the rotator has to say: externalId in keyturn.yaml. Null = none is asked for."
  type        = string
  default     = null

  validation {
    condition     = var.external_id == null ? true : can(regex("^[A-Za-z0-9+=,.@:/_-]{2,}$", var.external_id)) && length(var.external_id) <= 1224
    error_message = "An external id has 2 to 1224 characters: letters, digits and +=,.@:/_-."
  }
}

variable "allow_source_identity" {
  description = "Let the rotator set the id of its run as source identity: sourceIdentity: run in keyturn.yaml."
  type        = bool
  default     = false
}

variable "name" {
  description = "Name of the role: role in keyturn.yaml."
  type        = string
  default     = "KeyturnMember"

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_-]{1,64}$", var.name))
    error_message = "A role's name has up to 64 characters: letters, digits and +=,.@_-."
  }
}

variable "path" {
  description = "Path of the role, such as /service/: then role in keyturn.yaml is service/KeyturnMember."
  type        = string
  default     = "/"

  validation {
    condition     = can(regex("^/([A-Za-z0-9+=,.@_-]+/)*$", var.path))
    error_message = "A path of IAM begins and ends with a slash, such as /service/."
  }
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the role."
  type        = string
  default     = null
}

variable "max_session_duration" {
  description = "How long a session may last, in seconds. keyturn's last an hour, and are renewed."
  type        = number
  default     = 3600

  validation {
    condition     = var.max_session_duration >= 3600 && var.max_session_duration <= 43200
    error_message = "max_session_duration is 3600 to 43200 seconds."
  }
}

variable "user_path" {
  description = "The role reaches users below this IAM path alone, such as /ci/: select: { path: /ci/ } in keyturn.yaml."
  type        = string
  default     = "/"

  validation {
    condition     = can(regex("^/([A-Za-z0-9+=,.@_-]+/)*$", var.user_path))
    error_message = "A path of IAM begins and ends with a slash, such as /ci/; wildcards do not stand in it."
  }
}

variable "user_tag" {
  description = "The role changes users with this tag alone; it reads the others, too, to see that they lack it. Whoever may tag users decides what it reaches. Null = no tag is asked for."
  type        = object({ key = string, value = string })
  default     = null

  validation {
    condition = var.user_tag == null ? true : (
      can(regex("^[A-Za-z0-9 _.:/=+@-]{1,128}$", var.user_tag.key)) && can(regex("^[A-Za-z0-9 _.:/=+@-]{0,256}$", var.user_tag.value))
    )
    error_message = "user_tag is a key and a value out of letters, digits, spaces and _.:/=+@-."
  }

  validation {
    condition     = var.user_tag == null ? true : lower(var.user_tag.key) != "keyturn:rotation"
    error_message = "The role itself writes the tag keyturn:rotation: it cannot say what the role reaches."
  }
}

variable "region" {
  description = "Region of the parameters and secrets that it writes, which is the rotator's where keyturn.yaml names no other. Null = the provider's."
  type        = string
  default     = null

  validation {
    condition     = var.region == null ? true : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is the name of a region, such as eu-central-1."
  }
}

variable "ssm_prefix" {
  description = "Keys may be delivered to parameters below this name, such as /keys for ssm:/keys/{user}. Null = to none."
  type        = string
  default     = null

  validation {
    condition     = var.ssm_prefix == null ? true : can(regex("^(/[A-Za-z0-9_.-]+)+$", var.ssm_prefix))
    error_message = "ssm_prefix begins with a slash and ends without one, such as /keys."
  }
}

variable "secretsmanager_prefix" {
  description = "Keys may be delivered to secrets below this name, such as prod for secretsmanager:prod/{user}. Null = to none."
  type        = string
  default     = null

  validation {
    condition     = var.secretsmanager_prefix == null ? true : can(regex("^[A-Za-z0-9_+=.@-]+(/[A-Za-z0-9_+=.@-]+)*$", var.secretsmanager_prefix))
    error_message = "secretsmanager_prefix begins and ends without a slash, such as prod."
  }
}

variable "escrow" {
  description = "New secrets wait below /keyturn/escrow in this account: escrow: ssm in keyturn.yaml. Not needed where central: names another account."
  type        = bool
  default     = true
}

variable "kms_key_arns" {
  description = "ARNs of the customer managed keys that these parameters and secrets are encrypted with. None = AWS's own."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.kms_key_arns : can(regex("^arn:(aws|aws-us-gov|aws-cn):kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", arn))])
    error_message = "kms_key_arns are ARNs of keys, not of aliases."
  }
}

variable "large_account" {
  description = "Let it list the users of an account of more than a hundred at once: three permissions that know no resources, and far fewer calls."
  type        = bool
  default     = false
}

variable "more_permissions" {
  description = "A policy document (JSON) that the role gets besides: what `keyturn policy --config keyturn.yaml --account ID` prints beyond this, such as for mail."
  type        = string
  default     = null

  validation {
    condition     = var.more_permissions == null ? true : can(jsondecode(var.more_permissions).Statement[0].Effect)
    error_message = "more_permissions is an IAM policy document in JSON, with a list of statements."
  }
}

variable "tags" {
  description = "Tags of the role."
  type        = map(string)
  default     = {}
}
