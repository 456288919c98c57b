provider "aws" {
  region = var.region

  default_tags {
    tags = { example = "complete" }
  }
}

data "aws_acm_certificate" "this" {
  domain      = var.domain_name
  statuses    = ["ISSUED"]
  most_recent = true
}

module "domain" {
  source = "../.."

  domain_name     = var.domain_name
  certificate_arn = data.aws_acm_certificate.this.arn
  api_id          = var.api_id
  stage_name      = var.stage_name
  base_path       = var.base_path
}

resource "aws_route53_record" "alias" {
  zone_id = var.zone_id
  name    = var.domain_name
  type    = "A"

  alias {
    name                   = module.domain.target
    zone_id                = module.domain.zone_id
    evaluate_target_health = false
  }
}
