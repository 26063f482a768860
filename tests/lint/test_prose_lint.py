"""Manuals: sums done again, promises held against one another, and text read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno.app.promql_checker import Checker
from sereno.lint.documents import read
from sereno.lint.fixing import mend
from sereno.lint.lint import lint
from sereno.lint.model import Context, Finding
from sereno.lint.prose_encoding import repaired
from sereno.spec.loader import load_text
from sereno.spec.model import Spec

WRITTEN = "áéíóúñÁÉÍÓÚÑüÜ¿¡çãõàèâêîôûÄÖß°€–—…“”‘’•→✅🚨🔥 abc.,:;()-\n"


def look(*texts: str, spec: Spec | None = None) -> tuple[Finding, ...]:
    reads = [read(f"{'abc'[n]}.md", text) for n, text in enumerate(texts)]
    return lint([document for one in reads for document in one.documents], Context(spec=spec))


def codes(*texts: str) -> list[str]:
    return [finding.diagnostic.code for finding in look(*texts)]


def table(target: str, budget: str, sli: str = "Availability") -> str:
    return f"| Service | SLI | SLO Target | Error Budget |\n|---|---|---|---|\n| API | {sli} | {target} | {budget} |\n"


@pytest.mark.parametrize(
    ("target", "budget", "right"),
    [
        ("99.9%", "43.2 min/month", True),  # 0.1 % of 43,200
        ("99.9%", "43 min/month", True),  # rounded down where it ends
        ("99.9%", "44 min/month", True),  # of 30.4 days: 43.8
        ("99.9%", "43,8 min/mes", True),
        ("99.9%", "46 min/month", False),
        ("99.9%", "8.76 hours/year", True),  # 0.1 % of 8,760 h
        ("99.9%", "8.77 h/year", True),
        ("99.9%", "8.6 hours/year", False),
        ("99.9%", "8,76 horas/año", True),
        ("99.95%", "21.6 min/mes", True),
        ("99.95%", "43.2 min/mes", False),
        ("99.99%", "4.32 min/month", True),
        ("99.99%", "52.6 min/year", True),  # 52.56
        ("99.99%", "53.6 min/year", False),
        ("99.5%", "3.6 hours/month", True),
        ("99%", "1.68 h/week", True),  # 1 % of 168 h
        ("99%", "14.4 min/day", True),
        ("99%", "15.4 min/day", False),
        ("99.9%", "0.1% of requests", True),
    ],
)
def test_a_budget_is_what_the_target_leaves(target: str, budget: str, right: bool) -> None:
    assert ("SER770" in codes(table(target, budget))) is not right
    assert ("SER770" in codes(f"# x\n\nAPI:\n  Target: {target}\n  Error Budget: {budget}\n")) is not right
    assert ("SER770" in codes(f"We promise {target} ({budget}) to everyone.\n")) is (
        not right and "requests" not in budget
    )


@pytest.mark.parametrize(
    ("minutes", "share", "spent", "right"),
    [
        (35, "35%", "28%", True),  # 12.25 of 43.2
        (35, "35%", "28.4%", True),
        (35, "35%", "15%", False),
        (60, "100%", "139%", True),
        (60, "100%", "100%", False),
        (5, "2%", "0.2%", True),
        (47, "15%", "16%", True),  # 7.05 of 43.2
    ],
)
def test_what_an_incident_spent(minutes: int, share: str, spent: str, right: bool) -> None:
    text = (
        f"# Post-mortem\n\n- **Duration**: {minutes} minutes\n- error rate: {share}\n- Error budget consumed: {spent}\n"
    )
    assert (codes(text) == []) is right
    one_line = f"# Week\n\n{minutes} min at {share} took of the budget {spent}.\n"
    assert (codes(one_line) == []) is right


def test_a_stricter_objective_in_the_same_text_explains_a_larger_share() -> None:
    text = (
        table("99.95%", "21.6 min/month") + "\n- Duration: 35 minutes\n- error rate: 35%\n- Error budget consumed: "
        "57%\n"
    )
    assert codes(text) == []
    assert codes(text.replace("57%", "28%")) == ["SER777"]


@pytest.mark.parametrize(
    ("labels", "found"),
    [("route, status", ["SER785"]), ("status", []), ("method).inc(); b.labels(route", ["SER785"])],
)
def test_a_path_is_a_mistake_where_it_becomes_a_label(labels: str, found: list[str]) -> None:
    assert codes(f"# x\n```python\nroute = request.url.path\na.labels({labels}).inc()\n```\n") == found


@pytest.mark.parametrize("lacking", ["- Duration: 35 minutes\n", "- error rate: 35%\n"])
def test_without_length_or_share_there_is_no_sum_to_do(lacking: str) -> None:
    text = "# x\n- Duration: 35 minutes\n- error rate: 35%\n- Error budget consumed: 15%\n"
    assert codes(text) == ["SER777"]
    assert codes(text.replace(lacking, "")) == []


def test_an_incident_ends_where_the_next_part_begins() -> None:
    text = "# One\n- Duration: 35 minutes\n- error rate: 35%\n# Two\n- Error budget consumed: 15%\n"
    assert codes(text) == []


def test_promises_are_held_against_those_of_other_documents() -> None:
    ours = "# x\n\nPayment Success Rate:\n  Target: > 95%\n  Error Budget: 5% of payments\n"
    theirs = (
        "| Servicio | SLI | SLO Target | Error Budget |\n|---|---|---|---|\n| Pagos | Disponibilidad | 99.95% | 21.6 "
        "min/mes |\n"
    )
    assert codes(ours) == codes(theirs) == []
    (found,) = look(ours, theirs)
    assert (found.diagnostic.code, found.diagnostic.file, found.diagnostic.line) == ("SER773", "b.md", 3)
    assert "a.md:4" in found.diagnostic.message
    assert codes(ours, theirs.replace("99.95%", "95%").replace("21.6 min/mes", "-5%")) == []


def test_availability_alone_is_that_of_whatever_a_part_is_about() -> None:
    assert codes("## Shop\n\nAvailability:\n  Target: 99.9%\n\n## Search\n\nAvailability:\n  Target: 99.5%\n") == []
    assert codes("Shop availability:\n  Target: 99.9%\n", "Shop uptime:\n  Target: 99.5%\n") == ["SER773"]


SPEC = """\
{workspace: shop}
---
{person: ana, contacts: [{terminal: true}]}
---
{team: money, escalation: money}
---
{escalation: money, steps: [{page: ana}]}
---
service: pagos
team: money
slos:
  - name: availability
    objective: 99.95%
    window: 30d
    sli: {events: {total: 'payments_total{job="pagos"}', bad: 'status="error"'}}
"""


def test_promises_are_held_against_what_is_declared() -> None:
    spec = load_text({"a.yaml": SPEC}, promql=Checker()).spec
    assert spec is not None
    (found,) = look("Payment success rate:\n  Target: > 95%\n", spec=spec)
    assert found.diagnostic.code == "SER773"
    assert found.diagnostic.expected == "99.95%"
    assert look("Payment success rate:\n  Target: 99,95 %\n", spec=spec) == ()


@pytest.mark.parametrize(
    ("target", "budget", "found"),
    [
        ("< 500ms", "-", "SER771"), ("95% < 500ms", "5% of requests", None), ("< 500ms", "5% > 500ms", None),
        ("< 0.1%", "-", "SER772"), ("< 2s", "", "SER771"), ("99.9%", "43.2 min/month", None),
    ],
)  # fmt: skip
def test_which_rows_promise_nothing(target: str, budget: str, found: str | None) -> None:
    assert codes(table(target, budget, sli="Latency")) == ([found] if found else [])


def test_levels_of_severity_are_answered_as_soon_everywhere() -> None:
    first = "| Severity | Response |\n|---|---|\n| **SEV1** | 15 min |\n| **SEV2** | 1 hora |\n"
    second = "severities:\n\n- **SEV1**: response within 5 minutes\n- **SEV2**: response within 60 min\n"
    assert codes(first) == codes(second) == []
    (found,) = look(first, second)
    assert (found.diagnostic.code, found.diagnostic.line) == ("SER776", 3)
    assert look(first, second, spec=Spec()) == ()


def test_to_mention_a_level_is_not_to_define_levels() -> None:
    assert codes("- **SEV1**: all down\n- **SEV2**: much down\n", "We pay $100 for each P1 incident, P2 not.\n") == []
    both = codes("- **SEV1**: all down\n- **SEV2**: much down\n", "- P1: all down\n- P2: much down\n")
    assert both == ["SER775", "SER775"]


@given(st.text(alphabet=WRITTEN, max_size=60))
def test_what_was_misread_is_read_back(text: str) -> None:
    misread = "".join(_misread(char) for char in text)
    assert repaired(misread) == text


@given(st.text(alphabet="áéíóúñÁÉÍÓÚÑüÜ¿¡–…“” abcdefg.,", max_size=80))
def test_what_was_well_read_is_left_alone(text: str) -> None:
    assert repaired(text) == text


def _misread(char: str) -> str:
    """UTF-8 as an editor shows it that takes it for Windows-1252, and what that does not know for Latin-1."""
    if char.isascii():
        return char
    return "".join(_byte(byte) for byte in char.encode())


def _byte(byte: int) -> str:
    try:
        return bytes((byte,)).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)


def test_mac_roman_is_read_back_too() -> None:
    spanish = "Atención: ¿latencia más alta de lo que prometió “Señal”?"
    misread = "".join(c if c.isascii() else c.encode().decode("mac_roman") for c in spanish)
    assert misread != spanish
    assert repaired(misread) == spanish


def test_misread_text_is_mended_in_rules_as_well() -> None:
    rules = (
        "groups:\n  - name: shop\n    rules:\n      - record: job:errors:rate5m\n        expr: sum by (job) "
        "(rate(errors_total[5m]))\n        labels: {equipo: \"AtenciÃ³n\"}\n"
    )  # fmt: skip

    def found(text: str) -> tuple[Finding, ...]:
        return lint(read("rules.yaml", text).documents)

    assert "SER790" in [f.diagnostic.code for f in found(rules)]
    assert "Atención" in mend(rules, found).text


FENCED = """\
# How

```yaml
groups:
  - name: shop
    rules:
      - alert: Down
        expr: sum(rate(x_total[5m])
```
"""


def test_configuration_in_a_manual_is_judged_on_the_lines_of_the_manual() -> None:
    found = [f.diagnostic for f in look(FENCED)]
    assert ("SER060", 8) in [(d.code, d.line) for d in found]
    assert all(FENCED.splitlines()[d.line - 1] == d.excerpt for d in found)


def test_blocks_of_other_languages_are_not() -> None:
    assert codes(FENCED.replace("```yaml", "```text")) == []
    assert codes(FENCED.replace("```yaml", "```")) == []


def test_a_block_inside_of_a_block_is_mended_when_its_end_is_known() -> None:
    text = "```markdown\n# x\n```bash\nls\n```\nmore\n```\n"
    mended = mend(text, lambda body: look(body))
    assert mended.text == "````markdown\n# x\n```bash\nls\n```\nmore\n````\n"
    open_ended = "```markdown\n# x\n```bash\nls\n```\nmore\n"
    assert codes(open_ended) == ["SER784"]
    assert mend(open_ended, lambda body: look(body)).text == open_ended
