output "planner_role_arn" {
  description = "ARN of the planner's role. It enters no account; where list_as_role_arn is given, that role has to trust it."
  value       = aws_iam_role.planner.arn
}

output "worker_role_arn" {
  description = "ARN of the workers' role: rotator_role_arns of the module member-role, and whom the central role has to trust."
  value       = aws_iam_role.worker.arn
}

output "planner_function_name" {
  description = "Name of the planner: aws lambda invoke --invocation-type Event begins a run now."
  value       = aws_lambda_function.planner.function_name
}

output "worker_function_name" {
  description = "Name of the worker."
  value       = aws_lambda_function.worker.function_name
}

output "queue_url" {
  description = "URL of the queue with the accounts that wait for a worker."
  value       = aws_sqs_queue.work.url
}

output "queue_arn" {
  description = "Its ARN."
  value       = aws_sqs_queue.work.arn
}

output "dead_letter_queue_url" {
  description = "URL of the queue with the accounts that were given up on."
  value       = aws_sqs_queue.dead.url
}

output "dead_letter_queue_arn" {
  description = "Its ARN."
  value       = aws_sqs_queue.dead.arn
}

output "failed_queue_arn" {
  description = "ARN of the queue that holds what could not begin a run."
  value       = aws_sqs_queue.failed.arn
}

output "results_bucket" {
  description = "Name of the bucket with the results."
  value       = local.results_bucket
}

output "report_command" {
  description = "Prints what the last run did."
  value       = "keyturn report ${local.results}"
}

output "run_command" {
  description = "Begins a run now."
  value       = "aws lambda invoke --function-name ${aws_lambda_function.planner.function_name} --invocation-type Event --region ${local.region} /dev/stdout"
}

output "redrive_command" {
  description = "Gives the accounts that were given up on to workers again. Only redrive_principal_arns may."
  value       = "aws sqs start-message-move-task --source-arn ${aws_sqs_queue.dead.arn} --destination-arn ${aws_sqs_queue.work.arn} --region ${local.region}"
}
