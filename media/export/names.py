"""Names of what an export's folder holds."""

CONTENT = "content"
MANIFEST = "manifest.json"
