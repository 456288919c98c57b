"""Deploy a service to AWS: build its archive, describe its stage as a Terraform root module, apply it."""
