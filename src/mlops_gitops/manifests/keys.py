"""What a public key is called; by itself, since `validate` needs it and none of the records."""

import hashlib


def key_id(keytype: str, scheme: str, public: str) -> str:
    """The id of a key: SHA-256 of its canonical JSON (the OLPC form that securesystemslib and TUF use)."""
    quoted = [one.replace("\\", "\\\\").replace('"', '\\"') for one in (keytype, public, scheme)]
    form = f'{{"keytype":"{quoted[0]}","keyval":{{"public":"{quoted[1]}"}},"scheme":"{quoted[2]}"}}'
    return hashlib.sha256(form.encode()).hexdigest()
