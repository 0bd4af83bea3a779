output "worker_role_arn" {
  description = "Whom the role in each account trusts: RotatorRoleArns of the StackSet."
  value       = module.organization.worker_role_arn
}

output "run_command" {
  description = "Begins a run now."
  value       = module.organization.run_command
}

output "report_command" {
  description = "Prints what the last run did."
  value       = module.organization.report_command
}

output "redrive_command" {
  description = "Gives the accounts that were given up on to workers again."
  value       = module.organization.redrive_command
}
