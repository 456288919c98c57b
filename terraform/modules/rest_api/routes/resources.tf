# A path is a chain of resources, one for each segment. A resource cannot refer to another one of its own block, so each
# depth has a block.

resource "aws_api_gateway_resource" "d1" {
  for_each = { for key, resource in local.resources : key => resource if resource.depth == 1 }

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_rest_api.this.root_resource_id
  path_part   = each.value.part
}

resource "aws_api_gateway_resource" "d2" {
  for_each = { for key, resource in local.resources : key => resource if resource.depth == 2 }

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.d1[each.value.parent].id
  path_part   = each.value.part
}

resource "aws_api_gateway_resource" "d3" {
  for_each = { for key, resource in local.resources : key => resource if resource.depth == 3 }

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.d2[each.value.parent].id
  path_part   = each.value.part
}

resource "aws_api_gateway_resource" "d4" {
  for_each = { for key, resource in local.resources : key => resource if resource.depth == 4 }

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.d3[each.value.parent].id
  path_part   = each.value.part
}

resource "aws_api_gateway_resource" "d5" {
  for_each = { for key, resource in local.resources : key => resource if resource.depth == 5 }

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.d4[each.value.parent].id
  path_part   = each.value.part
}

resource "aws_api_gateway_resource" "d6" {
  for_each = { for key, resource in local.resources : key => resource if resource.depth == 6 }

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.d5[each.value.parent].id
  path_part   = each.value.part
}

resource "aws_api_gateway_resource" "d7" {
  for_each = { for key, resource in local.resources : key => resource if resource.depth == 7 }

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.d6[each.value.parent].id
  path_part   = each.value.part
}

resource "aws_api_gateway_resource" "d8" {
  for_each = { for key, resource in local.resources : key => resource if resource.depth == 8 }

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.d7[each.value.parent].id
  path_part   = each.value.part
}
