#!/bin/sh
# Asks for cameras with curl. API is the address of /graphql, TOKEN a JWT with `cameras:read`.
exec curl -sS --fail-with-body "$API" \
  -H "Authorization: Bearer $TOKEN" \
  -H "Content-Type: application/json" \
  -H "Accept: application/graphql-response+json" \
  -d '{
    "query": "query Cameras($n: Int!) { cameras(first: $n) { nodes { id name status } } }",
    "variables": {"n": 20}
  }'
