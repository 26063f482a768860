"""Codes of files as such: what cannot be read, or is nothing that the linter knows."""

from __future__ import annotations

from sereno.lint.code import Code

TABLE: tuple[Code, ...] = (
    Code(
        "SER200",
        "Nothing that is known",
        "The file is read as YAML or JSON but is of no kind that has checks: neither rules nor an Alertmanager "
        "configuration, dashboard, manifest or any other. It was not checked; that it is not complained about says "
        "nothing. Name only files that are to be checked, or leave it out with `--ignore SER200`.",
        "prose",
        "colour: blue\n",
        "groups: []\n",
        name="unknown.yaml",
    ),
    Code(
        "SER201",
        "Not JSON",
        "JSON has no comments, no trailing commas and no single quotes: Grafana, Kubernetes and `jq` refuse the file. "
        "Comments and trailing commas can be taken out safely.",
        "dashboard",
        '{\n  // the service\n  "uid": "shop", "title": "Shop", "schemaVersion": 39, "panels": []\n}\n',
        '{\n  "uid": "shop", "title": "Shop", "schemaVersion": 39, "panels": []\n}\n',
        level="error",
        fixable=True,
        name="dashboard.json",
    ),
)
