# The rights of the function in the bucket. `cws deploy` grants s3:PutObject for results, because of `store_in`.

locals {
  # BUCKET of the environment files. Like all variables of the function, it is sensitive by default.
  jobs_bucket = nonsensitive(jsondecode(var.environment)["BUCKET"])
}

resource "aws_iam_role_policy" "jobs" {
  name = "jobs"
  role = aws_iam_role.service.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject"]
        Resource = "arn:aws:s3:::${local.jobs_bucket}/jobs/*"
      },
      {
        # Also for those who use a presigned URL.
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = "arn:aws:s3:::${local.jobs_bucket}/results/*"
      },
      {
        # Without it, S3 responds with a 403 if an object does not exist.
        Effect   = "Allow"
        Action   = "s3:ListBucket"
        Resource = "arn:aws:s3:::${local.jobs_bucket}"
      }
    ]
  })
}
