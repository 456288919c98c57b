"""How a service gets to AWS: its archive, a root module that describes its stage, and Terraform that applies it."""
