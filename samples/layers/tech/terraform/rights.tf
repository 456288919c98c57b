# The rights of the function. AWS supports no resources for these two actions.
resource "aws_iam_role_policy" "layers" {
  name = "layers"
  role = aws_iam_role.service.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["lambda:ListLayers", "lambda:ListLayerVersions"]
      Resource = "*"
    }]
  })
}
