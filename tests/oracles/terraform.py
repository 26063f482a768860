"""What Terraform files must be: every block as the provider's published schema has it, every reference to something.

The schemas are in tests/data/terraform. Where a `terraform` is installed it also reads the files, without any provider;
with those in the folder that SERENO_TF_MIRROR names, a filesystem mirror, it validates what they have.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data" / "terraform"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_REFERENCE = re.compile(r"(data\.)?([a-z_]+)\.([A-Za-z_][\w-]*)(?:\.([a-z_]+))?")
_COMPUTED = {"id", "integration_key"}
_GIVEN = {"alarm_name"}
_PARTS = {"terraform", "variable", "provider", "data", "resource", "output"}


@cache
def schema_of(provider: str) -> dict[str, Any]:
    """What is published of a provider."""
    path = DATA / f"{provider}.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"data": {}, "resource": {}}
    return found


def check(files: Mapping[str, str], folder: Path) -> list[str]:
    """Complaints about the `.tf.json` files among `files`, which are written below `folder`."""
    said: list[str] = []
    for name, text in sorted(files.items()):
        if name.endswith(".tf.json"):
            said += [f"{name}: {line}" for line in complaints(text)]
            if shutil.which("terraform"):
                said += [f"{name}: {line}" for line in _read(text, folder / name.replace("/", "_"))]
    return said


def complaints(text: str) -> list[str]:
    """What is wrong with one file."""
    wrong: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        wrong.extend(f"{key!r} twice" for key in {k for k, _ in found if [x for x, _ in found].count(k) > 1})
        return dict(found)

    document = json.loads(text, object_pairs_hook=pairs)
    wrong += [f"what is {part!r}" for part in set(document) - _PARTS]
    for provider, given in document.get("provider", {}).items():
        wrong += _block(f"provider {provider}", given, schema_of(provider).get("provider", {}))
        if provider not in document["terraform"]["required_providers"]:
            wrong.append(f"provider {provider} is not required")
    for part in ("data", "resource"):
        for kind, blocks in document.get(part, {}).items():
            schema = schema_of(kind.partition("_")[0])[part].get(kind)
            if schema is None:
                wrong.append(f"no provider has the {part} {kind}")
                continue
            for name, given in blocks.items():
                wrong += [] if _NAME.fullmatch(name) else [f"{name!r} is no name"]
                wrong += _block(
                    f"{kind}.{name}", {key: one for key, one in given.items() if key != "lifecycle"}, schema
                )
                wrong += _lifecycle(f"{kind}.{name}", given.get("lifecycle", {}), schema)
    for name, variable in document.get("variable", {}).items():
        wrong += [f"variable {name}: {key}" for key in set(variable) - {"type", "description", "sensitive"}]
        wrong += [] if _NAME.fullmatch(name) else [f"{name!r} is no name"]
    wrong += [line for value in _strings(document) for line in _expressions(value, document)]
    return wrong


def _block(where: str, given: Any, schema: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(given, dict):
        yield f"{where} is no block"
        return
    for name in given:
        if name not in schema:
            yield f"{where} has no {name}"
        else:
            yield from _value(f"{where}.{name}", given[name], schema[name]["kind"])
    yield from (f"{where} lacks {name}" for name, one in schema.items() if one["required"] and name not in given)


def _lifecycle(where: str, given: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{where}: its lifecycle has no {name}" for name in set(given) - {"ignore_changes"})
    yield from (f"{where} has no {name} to ignore" for name in given.get("ignore_changes", ()) if name not in schema)


def _value(where: str, given: Any, kind: Any) -> Iterator[str]:
    if isinstance(kind, list):
        if not isinstance(given, list) or not given:
            yield f"{where} is no list of anything"
        else:
            for at, one in enumerate(given):
                yield from _value(f"{where}[{at}]", one, kind[0])
    elif isinstance(kind, dict) and "block" in kind:
        yield from _block(where, given, kind["block"])
    elif isinstance(kind, dict):
        for name, one in given.items() if isinstance(given, dict) else ():
            yield from _value(f"{where}.{name}", one, kind["map"])
    elif isinstance(given, str) and given.startswith("${"):
        return
    elif type(given) not in {"string": (str,), "number": (int, float), "bool": (bool,), "any": (str,)}[kind]:
        yield f"{where} is a {type(given).__name__}, not a {kind}"
    elif given == "":
        yield f"{where} is empty"


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from (name, *_strings(one))
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)


def _expressions(text: str, document: Mapping[str, Any]) -> Iterator[str]:
    bare = text.replace("$${", "").replace("%%{", "")
    if "%{" in bare:
        yield f"{text!r} holds a directive"
    for expression in re.findall(r"\$\{(.*?)(?:\}|\Z)", bare):
        found = _REFERENCE.fullmatch(expression)
        if found is None:
            yield f"{text!r} is no reference"
        elif found[2] == "var" and not found[1] and not found[4]:
            if found[3] not in document.get("variable", {}):
                yield f"there is no variable {found[3]}"
        else:
            part = "data" if found[1] else "resource"
            given = document.get(part, {}).get(found[2], {})
            if found[3] not in given:
                yield f"{text!r} refers to nothing"
            if found[4] not in _COMPUTED | (_GIVEN & set(given.get(found[3], {}))):
                yield f"{text!r} refers to no attribute that there is"


def _read(text: str, folder: Path) -> Iterator[str]:
    folder.mkdir(parents=True)
    (folder / "sereno.tf.json").write_text(text)
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    done = subprocess.run(
        ["terraform", "providers", "-no-color"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if done.returncode:
        yield f"terraform does not read it: {(done.stdout + done.stderr)[-1500:]}"
    for source in re.findall(r'"source": "([^"]+)"', text):
        if source.lower() not in done.stdout.lower():
            yield f"terraform does not see the provider {source}"
    mirror = os.environ.get("SERENO_TF_MIRROR", "")
    sources = re.findall(r'"source": "([^"]+)"', text)
    if mirror and all((Path(mirror) / "registry.terraform.io" / source.lower()).is_dir() for source in sources):
        yield from _validated(folder, mirror)


def _validated(folder: Path, mirror: str) -> Iterator[str]:
    """What the providers themselves say, from the filesystem mirror."""
    configuration = folder / "mirror.tfrc"
    configuration.write_text(f'provider_installation {{ filesystem_mirror {{ path = "{mirror}" }} }}\n')
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": str(configuration), "CHECKPOINT_DISABLE": "1"}
    for command in (["init", "-no-color", "-input=false", "-backend=false"], ["validate", "-json"]):
        done = subprocess.run(
            ["terraform", *command],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        if done.returncode:
            yield f"terraform {command[0]}: {(done.stdout + done.stderr)[-1500:]}"
            return
    yield from (f"terraform warns: {one['summary']}" for one in json.loads(done.stdout)["diagnostics"])
