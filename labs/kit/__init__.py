"""The course machinery: manifest, notebooks, workspace, tests and book."""

import sys

# jsonschema, which reads notebooks, compiles this grammar of web addresses at import: 1.7 s
# in every process, for a check that no notebook asks for. Without it jsonschema skips the check.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
