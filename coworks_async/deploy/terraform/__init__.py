"""Describe a stage as a Terraform root module and run Terraform or OpenTofu on it."""
