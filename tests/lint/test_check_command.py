"""`sereno check` over any files, as people and pipelines run it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import jsonschema
import pytest
from tests.insight.worlds import MONDAY, World, during

from sereno.adapters.samples.store import SampleStore
from sereno.app.cli import run
from sereno.lint.codes import CODES
from sereno.lint.examples import alert, alertmanager

RATIO = 'sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m]))'
QUANTILE = "histogram_quantile(0.95, rate(http_request_duration_seconds_bucket[5m])) > 1"
SPEC = """\
service: shop
team: owners
slos:
  - name: availability
    objective: 99.9%
    window: 30d
    sli:
      events: {total: http_requests_total, bad: 'status=~"5.."'}
---
{team: owners, escalation: owners}
---
{person: ana, contacts: [{terminal: true}]}
---
{escalation: owners, steps: [{page: ana}]}
"""
# What SARIF 2.1.0 asks of the parts that we write (OASIS, section 3).
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "required": ["id"],
                                            "properties": {
                                                "shortDescription": {"required": ["text"]},
                                                "fullDescription": {"required": ["text"]},
                                                "help": {"required": ["text"]},
                                            },
                                        },
                                    }
                                },
                            }
                        },
                    },
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["message"],
                            "properties": {
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "ruleIndex": {"type": "integer", "minimum": -1},
                                "message": {"anyOf": [{"required": ["text"]}, {"required": ["id"]}]},
                                "locations": {
                                    "type": "array",
                                    "items": {
                                        "properties": {
                                            "physicalLocation": {
                                                "required": ["artifactLocation"],
                                                "properties": {
                                                    "region": {
                                                        "properties": {
                                                            "startLine": {"type": "integer", "minimum": 1},
                                                            "startColumn": {"type": "integer", "minimum": 1},
                                                            "endColumn": {"type": "integer", "minimum": 1},
                                                        }
                                                    }
                                                },
                                            }
                                        }
                                    },
                                },
                                "fixes": {
                                    "type": "array",
                                    "items": {
                                        "required": ["artifactChanges"],
                                        "properties": {
                                            "artifactChanges": {
                                                "type": "array",
                                                "minItems": 1,
                                                "items": {
                                                    "required": ["artifactLocation", "replacements"],
                                                    "properties": {
                                                        "replacements": {
                                                            "minItems": 1,
                                                            "items": {"required": ["deletedRegion"]},
                                                        }
                                                    },
                                                },
                                            }
                                        },
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_files_folders_and_patterns_are_checked_together(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "rules").mkdir()
    (place / "rules" / "a.yml").write_text(alert(f"{RATIO} > 0.05"))
    (place / "rules" / "b.yml").write_text(alert(f"{RATIO} > 0.01"))
    (place / "am.yml").write_text(alertmanager())
    assert run(["check", "rules", "am.yml"]) == 0
    out = capsys.readouterr().out
    assert "rules/b.yml:4:16: warning SER253" in out
    assert "rules/a.yml:4" in out, "the place of the other is told"
    assert "checked: 1 Alertmanager configuration, 2 documents of rules" in out
    assert run(["check", "rules/*.yml"]) == 0
    assert "SER253" in capsys.readouterr().out
    assert run(["check", "rules/a.yml"]) == 0
    assert "no mistakes, no warnings; checked: 1 document of rules" in capsys.readouterr().out


def test_the_end_of_the_command_says_what_was_found(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "wrong.yml").write_text(alert(f"{RATIO} > 5"))
    (place / "doubtful.yml").write_text(alert(QUANTILE, value="{{ $value }} s"))
    assert run(["check", "wrong.yml"]) == 1
    assert run(["check", "doubtful.yml"]) == 0
    assert run(["check", "doubtful.yml", "--strict"]) == 1
    assert run(["check", "wrong.yml", "--ignore", "SER238"]) == 0
    assert run(["check", "wrong.yml", "--select", "SER3"]) == 0
    capsys.readouterr()
    assert run(["check", "nothing.yml"]) == 2
    assert run(["check", "wrong.yml", "--select", "E501"]) == 2
    assert "no code" in capsys.readouterr().err


def test_what_is_of_no_kind_is_said_to_be_unknown(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "colours.yaml").write_text("colour: blue\n")
    (place / "empty.json").write_text("")
    (place / "script.sql").write_text("SELECT 1;\n")
    assert run(["check", "colours.yaml", "script.sql"]) == 0
    out = capsys.readouterr().out
    assert out.count("SER200") == 2
    assert "2 documents of no known kind" in out
    assert run(["check", "empty.json"]) == 1


def test_what_can_be_mended_is_shown_then_written_and_nothing_else_changes(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = place / "rules.yml"
    before = "# ours\r\n" + alert(QUANTILE, value="{{ $value }} s").replace("\n", "\r\n")
    file.write_bytes(b"\xef\xbb\xbf" + before.encode())
    file.chmod(0o640)
    assert run(["check", "rules.yml", "--fix", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "-        expr: histogram_quantile(0.95, rate(" in out
    assert "+        expr: histogram_quantile(0.95, sum by (le) (rate(" in out
    assert "1 would be put right in 1 file" in out
    assert file.read_bytes() == b"\xef\xbb\xbf" + before.encode()
    assert run(["check", "rules.yml"]) == 0
    assert "1 of these can be put right by --fix" in capsys.readouterr().out
    assert run(["check", "rules.yml", "--fix"]) == 0
    assert "1 put right in 1 file" in capsys.readouterr().out
    after = file.read_bytes()
    wanted = before.replace("rate(http_request_duration_seconds_bucket[5m])",
                            "sum by (le) (rate(http_request_duration_seconds_bucket[5m]))")  # fmt: skip
    assert after == b"\xef\xbb\xbf" + wanted.encode(), "line ends and the mark at the beginning stay"
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in place.iterdir()] == ["rules.yml"], "nothing is left beside it"


def test_a_file_that_cannot_be_written_is_told_and_left_whole(place: Path) -> None:
    """A folder that nobody may write to: the move fails, the file stays."""
    from sereno.app.linting import write

    file = place / "rules.yml"
    file.write_text("old")
    with pytest.raises(OSError, match="gone"):
        write(place / "gone" / "rules.yml", "new")
    assert file.read_text() == "old"


def test_files_that_are_no_text_or_endless_are_refused_in_words(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "latin.yml").write_bytes("# señal\ngroups: []\n".encode("latin-1"))
    (place / "large.yml").write_bytes(b"# x\n" * 2_600_000)
    (place / "tabs.yml").write_text("groups:\n\t- name: a\n")
    assert run(["check", "latin.yml", "large.yml", "tabs.yml"]) == 1
    out = capsys.readouterr().out
    assert "latin.yml:1:1: error SER001: byte 0xF1 is not UTF-8" in out
    assert "large.yml:1:1: error SER002: the file is larger than 10 MB" in out
    assert "tabs.yml:2:1: error SER003" in out


def test_comments_keep_it_quiet_in_one_place(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = alert(QUANTILE, value="{{ $value }} s")
    (place / "line.yml").write_text(wrong.replace("> 1\n", "> 1 # sereno: ignore SER213\n"))
    (place / "rule.yml").write_text(
        wrong.replace("      - alert", "      # sereno: ignore SER213 per instance\n      - alert")
    )
    (place / "file.yml").write_text("# sereno: ignore-file SER2\n" + wrong)
    (place / "other.yml").write_text(wrong.replace("> 1\n", "> 1 # sereno: ignore SER214\n"))
    (place / "above.yml").write_text("# sereno: ignore SER213\n\n" + wrong.replace("groups", "groups"))
    assert run(["check", "."]) == 0
    out = capsys.readouterr().out
    assert out.count("warning SER213") == 1
    assert "other.yml:5:15: warning SER213" in out


def test_sarif_is_what_code_scanning_takes(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "a file.yml").write_text("# ñandú\n" + alert(QUANTILE, value="{{ $value }} s"))
    (place / "am.yml").write_text(alertmanager("    - matchers: ['severity=\"critical\"']\n      receiver: pagr\n"))
    assert run(["check", ".", "--format", "sarif"]) == 1
    log = json.loads(capsys.readouterr().out)
    jsonschema.validate(log, SARIF)
    (one,) = log["runs"]
    rules = [rule["id"] for rule in one["tool"]["driver"]["rules"]]
    assert rules == ["SER213", "SER301"]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in one["results"])
    first = one["results"][0]
    place_ = first["locations"][0]["physicalLocation"]
    assert unquote(place_["artifactLocation"]["uri"]) == "a file.yml"
    assert (place_["region"]["startLine"], place_["region"]["startColumn"]) == (6, 15)
    text = (place / "a file.yml").read_text()
    for change in reversed(first["fixes"][0]["artifactChanges"][0]["replacements"]):
        start, length = change["deletedRegion"]["charOffset"], change["deletedRegion"]["charLength"]
        text = text[:start] + change["insertedContent"]["text"] + text[start + length :]
    assert "sum by (le) (rate(" in text, "whoever applies the fix gets what --fix writes"


def test_githubs_annotations_cannot_be_led_astray(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = place / "a,b:c"
    folder.mkdir()
    (folder / "100%.yml").write_text(
        alertmanager("    - matchers: ['severity=\"critical\"']\n      receiver: 'x::error::%0A'\n")
    )
    assert run(["check", str(folder.relative_to(place)), "--format", "github"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("::error file=a%2Cb%3Ac/100%25.yml,line=11,col=17,endColumn=")
    assert "title=SER301::there is no receiver `x::error::%250A`" in lines[0]


def test_json_has_every_finding_and_says_what_mends(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "rules.yml").write_text(alert(QUANTILE, value="{{ $value }} s"))
    assert run(["check", "rules.yml", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"]
    assert told["kinds"] == {"rules": 1}
    (found,) = told["diagnostics"]
    assert (found["code"], found["line"], found["column"], found["fixable"]) == ("SER213", 5, 15, True)


def test_a_workspace_tells_what_was_promised(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "reliability").mkdir()
    (place / "reliability" / "shop.yaml").write_text(SPEC)
    (place / "rules.yml").write_text(alert(f"{RATIO} > 0.05", labels="severity: warning, team: owners"))
    assert run(["check", "rules.yml"]) == 0
    out = capsys.readouterr().out
    assert "SER261: the objective shop/availability promises 99.9%" in out
    assert "burns 50 times too fast" in out
    assert "all of it would be gone in 14h" in out
    (place / "rules.yml").write_text(alert(f"{RATIO} > 0.0144", labels="severity: warning"))
    assert run(["check", "rules.yml"]) == 0
    out = capsys.readouterr().out
    assert "SER261" not in out
    assert "SER606" in out, "the workspace has teams, and the alert none"
    (place / "rules.yml").write_text(alert(f"{RATIO} > 0.0005", labels="severity: warning, team: owners"))
    assert run(["check", "rules.yml"]) == 0
    assert "it fires at a burn of 0.50, while the promise is kept" in capsys.readouterr().out


def test_a_spec_and_what_stands_beside_it(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = place / "reliability"
    folder.mkdir()
    (folder / "shop.yaml").write_text(SPEC.replace("slos:", "alerts:\n  - {alert: Slow, expr: '" + QUANTILE
                                                   + "', for: 5m, severity: SEV3, summary: slow}\nslos:"))  # fmt: skip
    (folder / "runbooks").mkdir()
    (folder / "runbooks" / "slow.md").write_text("# Slow\n\n## Symptoms\nIt is slow.\n")
    assert run(["check"]) == 0
    out = capsys.readouterr().out
    assert "reliability/shop.yaml:4:26: warning SER213" in out, "the spec's own alerts are looked at"
    assert "SER602: the runbook has no section for impact, diagnosis, mitigation, escalation" in out
    assert "The spec is good" in out
    assert run(["check", "reliability/shop.yaml"]) == 0, "one file of it, as a commit hook names it"
    assert "SER213" in capsys.readouterr().out
    (folder / "shop.yaml").write_text(SPEC.replace("team: owners\nslos", "team: nobody\nslos"))
    assert run(["check", "reliability/shop.yaml"]) == 1
    out = capsys.readouterr().out
    assert "SER050" in out
    assert out.count("SER050") == 1


def test_a_query_with_a_window_of_the_specs_is_judged_and_left_to_people(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = place / "reliability"
    folder.mkdir()
    query = 'sum(rate(a_total{status=~"5.."}[$window])) / sum(rate(a_total[$window]))'
    ratio = SPEC.replace("events: {total: http_requests_total, bad: 'status=~\"5..\"'}", f"query: {{ratio: '{query}'}}")
    (folder / "shop.yaml").write_text(ratio)
    assert run(["check", "--fix"]) == 0
    assert "SER244" in capsys.readouterr().out
    assert (folder / "shop.yaml").read_text() == ratio


def test_history_tells_buckets_values_and_who_was_called_for_nothing(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    minute, hour, day = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
    world = World(
        MONDAY - day,
        MONDAY + day,
        during((MONDAY + 3 * hour, 25 * minute, 0.6), (MONDAY + 9 * hour, 25 * minute, 0.6), otherwise=0.0002),
    )
    store = SampleStore(place / "samples.db", retention=timedelta(days=36500))
    store.backfill_sync(world.series)
    store.close()
    never = 'sum(rate(http_requests_total{job="shop",status="error"}[5m])) > 1'
    often = RATIO + " > 0.05"
    (place / "rules.yml").write_text(
        alert(never, value="{{ $value }}") + alert(often, name="Failing").partition("rules:\n")[2]
    )
    (place / "incidents.csv").write_text("start,end,name\n2026-03-02T03:00:00Z,2026-03-02T03:25:00Z,the network\n")
    asked = ["check", "rules.yml", "--history", "samples.db", "--incidents", "incidents.csv"]
    run(asked)
    out = capsys.readouterr().out
    assert 'SER219: `status` of `http_requests_total` has never been ="error"' in out
    assert "SER608: 50% of what `Failing` called for was anything" in out
    assert run(["check", "rules.yml", "--history", "nowhere.db"]) != 0


def test_every_code_of_a_finding_has_a_page() -> None:
    pages = Path(__file__).parents[2] / "docs" / "reference" / "codes"
    assert all((pages / f"{code}.md").is_file() for code in CODES)
