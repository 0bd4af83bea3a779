output "rotator" {
  description = "All that the module tells."
  value       = module.rotator
}
