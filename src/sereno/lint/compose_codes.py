"""Codes of Compose files."""

from __future__ import annotations

from sereno.lint.code import Code

_RIGHT = """\
services:
  shop:
    image: registry.example/shop:1.4.2
    mem_limit: 256m
    ports:
      - "8080:8080"
    depends_on:
      database:
        condition: service_healthy
    environment:
      LOG_LEVEL: info
  database:
    image: postgres:16.4
    mem_limit: 1g
    ports:
      - "127.0.0.1:5432:5432"
    environment:
      POSTGRES_PASSWORD_FILE: /run/secrets/database
    healthcheck:
      test: ["CMD", "pg_isready"]
"""


def _code(
    number: int, title: str, why: str, wrong: str, right: str = _RIGHT, *, error: bool = False, fixable: bool = False
) -> Code:  # fmt: skip
    level = "error" if error else "warning"
    return Code(f"SER{number}", title, why, "compose", wrong, right, level, fixable, "compose.yaml")  # type: ignore[arg-type]


TABLE: tuple[Code, ...] = (
    _code(740, "Version of the Compose file", "Compose reads the newest format whatever `version` says, and warns of "
          "it at every command.", f'version: "3.8"\n{_RIGHT}', fixable=True),
    _code(741, "Image without a version", "`latest`, or no tag, is another program after the next pull, on one machine "
          "and not on the other.", _RIGHT.replace("shop:1.4.2", "shop:latest")),
    _code(742, "No limit of memory", "A container without a limit takes what there is; when it is used up the kernel "
          "ends the largest process, which is the database.", _RIGHT.replace("    mem_limit: 256m\n", "")),
    _code(743, "Port published twice", "Two containers cannot publish one port of the machine: the second does not "
          "start, and which one is second changes from start to start.",
          _RIGHT.replace('"8080:8080"', '"5432:8080"'), error=True),
    _code(744, "Inner port open to the world", "A published port without an address is open on every network. Docker "
          "writes its own rules before those of the firewall: ufw says closed, the internet says open. Databases, "
          "brokers and collectors ask for no password, or for one everybody tries.",
          _RIGHT.replace("127.0.0.1:5432", "5432")),
    _code(745, "Waits for a container, not for an answer", "`depends_on` as a list waits until the other container "
          "exists. A database takes seconds more: at each start of the machine what needs it fails first.",
          _RIGHT.replace("      database:\n        condition: service_healthy\n", "      - database\n")),
    _code(746, "Waits for health that nobody measures", "Without a healthcheck a container is never healthy: what "
          "waits for it never starts, unless its image brings one.",
          _RIGHT[: _RIGHT.index("    healthcheck:")]),
    _code(747, "Password that everybody tries", "Ports are scanned within minutes, and these words are tried first. "
          "(The value itself is never shown by the linter.)",
          _RIGHT.replace("POSTGRES_PASSWORD_FILE: /run/secrets/database", "POSTGRES_PASSWORD: postgres"), error=True),
    _code(748, "Everyone is administrator", "Anonymous visitors with the role Admin may read every data source, its "
          "passwords among them, and delete everything.",
          _RIGHT.replace("LOG_LEVEL: info", "GF_AUTH_ANONYMOUS_ORG_ROLE: Admin"),
          _RIGHT.replace("LOG_LEVEL: info", "GF_AUTH_ANONYMOUS_ORG_ROLE: Viewer"), error=True),
)  # fmt: skip
