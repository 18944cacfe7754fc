"""Import this before nbformat, and our own commands do not wait for what they never use.

It keeps jsonschema, and so nbformat, from building a grammar of web addresses: that is
for one check of a kind that notebooks do not have, and takes 1.5 s of CPU in each
process. jsonschema does without the check if the import fails.
"""

import sys

sys.modules.setdefault("rfc3987_syntax", None)  # None makes an import of it fail
