#!/bin/sh
# Follows events with curl, as server-sent events. AFTER is the cursor to go on behind.
exec curl -sS -N "$API" \
  -H "Authorization: Bearer $TOKEN" \
  -H "Content-Type: application/json" \
  -H "Accept: text/event-stream" \
  -d "{
    \"query\": \"subscription (\$after: Cursor) { events(after: \$after) { ... on EventChange { cursor kind event { id } } } }\",
    \"variables\": {\"after\": \"$AFTER\"}
  }"
