"""What every Terraform file here is made of: names, texts that are no templates, variables, and the JSON itself."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from hashlib import sha256

from sereno.compiler.text import Value, json_text

Block = Mapping[str, Value]


def text(words: str) -> str:
    """`words` as they are: what Terraform would take for the beginning of an expression is doubled."""
    return words.replace("${", "$${").replace("%{", "%%{")


def reference(expression: str) -> str:
    """The value of `expression`."""
    return f"${{{expression}}}"


def labels(names: Iterable[str]) -> dict[str, str]:
    """A label that Terraform takes for each of `names`, no two alike, the same whatever else there is beside it.

    A name that is a label already keeps it; of others that would read alike each ends in a sum of its own.
    """
    plain = {name: _label(name) for name in names}
    return {
        name: label if label == name or sum(1 for one in plain.values() if one == label) == 1 else _told(name, label)
        for name, label in plain.items()
    }


def _label(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    label = re.sub(r"[^A-Za-z0-9_-]+", "_", folded) or "_"
    return label if re.match(r"[A-Za-z_]", label) else f"_{label}"


def _told(name: str, label: str) -> str:
    return f"{label}_{sha256(name.encode()).hexdigest()[:8]}"


def secret(description: str) -> Block:
    """A variable that is never shown."""
    return {"type": "string", "description": description, "sensitive": True}


def document(parts: Mapping[str, Value]) -> str:
    """A `.tf.json` file of the parts that hold something."""
    return json_text({name: part for name, part in parts.items() if part})
