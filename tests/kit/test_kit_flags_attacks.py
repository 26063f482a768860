"""Rules made to be slow or large, files that are none, servers that never stop talking."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from sereno_kit.flags import Flags
from sereno_kit.flags.evaluation import Details

ACCUMULATOR = {"var": "accumulator"}
TURNS = [1] * 60
DOUBLED = {"reduce": [TURNS, [ACCUMULATOR, ACCUMULATOR], [1]]}


def evaluated(rule: Any, **attributes: Any) -> Details:
    flag = {"state": "ENABLED", "variants": {"a": "1"}, "defaultVariant": "a", "targeting": rule}
    return Flags.of({"flags": {"f": flag}}).details("f", "", "string", user="ana", context=attributes)


def nested(loops: int) -> Any:
    rule: Any = 1
    for _ in range(loops):
        rule = {"map": [list(range(10)), rule]}
    return rule


@pytest.mark.parametrize(
    "rule",
    [
        {"reduce": [TURNS, {"merge": [ACCUMULATOR, ACCUMULATOR]}, [1]]},
        {"cat": [DOUBLED]},
        {"==": [DOUBLED, {"reduce": [TURNS, [ACCUMULATOR, ACCUMULATOR], [1]]}]},
        {"in": [DOUBLED, [DOUBLED]]},
        {"reduce": [TURNS, {"cat": [ACCUMULATOR, ACCUMULATOR]}, "x"]},
        nested(10),
        {"or": [nested(1) for _ in range(101)]},
    ],
    ids=["merge", "text", "equal", "in", "cat", "nested", "many"],
)
def test_loops_that_double_or_multiply_end_at_once(rule: Any) -> None:
    found = evaluated(rule)
    assert (found.reason, found.error_code, found.value) == ("ERROR", "PARSE_ERROR", "")


def test_loops_over_what_a_user_has_still_work() -> None:
    has_role = {"some": [{"var": "roles"}, {"==": [{"var": ""}, "admin"]}]}
    roles = [f"role {number}" for number in range(5_000)]
    assert evaluated({"if": [has_role, "a", None]}, roles=[*roles, "admin"]).reason == "TARGETING_MATCH"
    assert evaluated({"if": [has_role, "a", None]}, roles=roles).reason == "DEFAULT"
    both = {"if": [{"and": [has_role] * 30}, "a", None]}  # the work of one loop is not counted to the next
    assert evaluated(both, roles=[*roles, "admin"]).reason == "TARGETING_MATCH"


def test_a_text_of_a_long_list_is_too_long() -> None:
    found = evaluated({"==": [{"var": "names"}, "x"]}, names=["name"] * 100_000)
    assert (found.reason, found.error_code) == ("ERROR", "GENERAL")


def test_a_pipe_is_no_file_of_flags_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "flags.json")
    flags = Flags.file(pipe)
    assert flags.enabled("f") is False
    assert "no file" in flags.error
    flags.close()


def test_yaml_that_grows_when_it_is_read_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    bomb = "\n".join(lines) + "\nflags: {f: {state: ENABLED, variants: {a: *a11}, defaultVariant: a}}\n"
    (tmp_path / "flags.yaml").write_text(bomb)
    flags = Flags.file(tmp_path / "flags.yaml")
    assert "alias" in flags.error
    (tmp_path / "flags.yaml").write_text("flags: &a {f: [*a]}\n")
    again = Flags.file(tmp_path / "flags.yaml")
    assert "alias" in again.error
    flags.close()
    again.close()
