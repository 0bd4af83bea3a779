variable "region" {
  description = "Region of everything that is made here."
  type        = string
  default     = "us-west-2"
}

variable "test_bucket" {
  description = "Name of the bucket that is made for the test."
  type        = string
}

variable "users" {
  description = "The users, and the name of the secret of each."
  type        = map(string)
  default     = { app-bot = "dev/app-bot-key", app-bot1 = "dev/app-bot1-key" }
}

variable "rotate_after_days" {
  description = "How many days after a rotation the next one begins."
  type        = number
  default     = 30
}

variable "tester_lambda_run_rate" {
  description = "How often the tester runs: a number and a unit."
  type        = string
  default     = "5 minutes"
}

variable "packages" {
  description = "The folder with the functions' packages. Null = dist-lambda, where npm run package puts them."
  type        = string
  default     = null
}
