"""Every diagnostic that the loader can give. A code, once given out, keeps its meaning for ever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of mistake: its stable `id`, a short `title`, what it means and what to do."""

    id: str
    title: str
    meaning: str
    level: Level = "error"


_TABLE: tuple[tuple[str, str, str], ...] = (
    # Files and YAML
    ("SER001", "File cannot be read", "The file is not there, may not be opened, or is not UTF-8. Save it as UTF-8."),
    ("SER002", "File too large", "A file may hold 1 MB, and a folder 2,000 files. Split the file, one service each."),
    ("SER003", "Not YAML", "The text breaks the grammar of YAML. Reading goes on at the next `---`."),
    ("SER004", "Key given twice", "A mapping has the same key twice; only one of them could count. Remove one."),
    ("SER005", "Too deep or too big", "Mappings and lists may nest 32 deep, and a file may hold 50,000 values once its "
     "aliases are followed."),
    ("SER006", "YAML feature that is not used here", "Merge keys (`<<`), tags such as `!!binary`, and aliases without "
     "an anchor are refused; write the values out."),
    ("SER007", "Nothing is declared", "The folder holds no `.yaml` or `.yml` file, or its files hold no document."),
    ("SER008", "Key is not text", "A key must be one plain word. Text that begins with `{` or `[` needs quotes."),
    # Documents
    ("SER010", "Unknown kind of document", "A document says what it is by one of its keys: `service`, `team`, "
     "`person`, `schedule`, `escalation`, `severities`, `status_page` or `workspace`."),
    ("SER011", "Not read yet (warning)", "The document or key is understood but this version does nothing with it "
     "(OpenSLO, Sloth, Pyrra, Kubernetes, probes, maintenance …). It is skipped."),
    ("SER012", "Name used twice", "Two things of the same kind have the same name. Names are how they are found."),
    # Shape
    ("SER020", "Wrong type", "A list, mapping, text, number or true/false stands where another was expected."),
    ("SER021", "Unknown key", "The key means nothing here. Often it is a typing mistake."),
    ("SER022", "Missing key", "Something that must be said is not said. The place is that of the surrounding mapping."),
    ("SER023", "Empty value", "The key is there but its value is not. Give a value, or remove the key."),
    ("SER024", "Exactly one is needed", "Of several keys, one must be present and only one."),
    # Values
    ("SER030", "Bad duration", "Durations are written as Prometheus does: whole numbers with ms, s, m, h, d, w or y, "
     "the largest first: `500ms`, `5m`, `1h30m`, `30d`. Some places also want it longer than zero, or within bounds."),
    ("SER031", "Bad objective", "An objective is a percentage above 0 and below 100, with its sign: `99.9%`. 100 % "
     "would leave no error budget, so every single failure would break it."),
    ("SER032", "Bad name", "Names go into labels and addresses: letters a to z, digits, `-`, `_` and `.`, at most 63, "
     "beginning with a letter or digit. Titles may be anything."),
    ("SER033", "Bad URL", "An absolute http or https address was expected."),
    ("SER034", "Bad e-mail address", "An address such as `ana@shop.example` was expected."),
    ("SER035", "Unknown time zone", "Time zones have IANA names such as `America/Lima` or `Europe/Madrid`."),
    ("SER036", "Bad date", "Dates are written year-month-day: `2026-01-05`."),
    ("SER037", "Bad hand-over", "A hand-over is a weekday and a local time: `monday 09:00` (or `lunes 09:00`)."),
    ("SER038", "Not one of the choices", "Only certain words are possible here; the message lists them."),
    ("SER039", "Bad label", "A label's name has letters, digits and `_`, and does not begin with a digit or `__`. The "
     "names that Sereno sets itself cannot be set."),
    ("SER040", "Bad contact address", "An environment reference is `env:NAME`; a terminal is `true` or an "
     "absolute path."),
    # References
    ("SER050", "Unknown team", "No document declares a team of that name."),
    ("SER051", "Unknown person", "No document declares a person of that name."),
    ("SER052", "Unknown escalation", "No document declares an escalation of that name."),
    ("SER053", "Unknown schedule", "No document declares a schedule of that name."),
    ("SER054", "Unknown status page", "No document declares a status page of that name."),
    ("SER055", "Unknown component", "The status page does not list a component of that name."),
    ("SER056", "Unknown severity", "The scale of severities has no such name or alias."),
    ("SER057", "Nobody to page", "The target is neither a role of the escalation's schedule nor a person."),
    ("SER058", "Runbook not found", "The file that the runbook names is not there. The path counts from the file that "
     "names it."),
    ("SER059", "Runbook outside the folder", "A runbook is a web address, or a file inside the spec's folder."),
    # PromQL
    ("SER060", "Wrong PromQL", "The text is not valid PromQL. The place is inside the text, as near as is known."),
    ("SER061", "Not a selector of one metric", "A name and matchers were expected, such as "
     "`http_requests_total{job=\"api\"}`, without functions, ranges or offsets."),
    ("SER062", "Exclusion that cannot be negated", "Each `except` holds one condition on one label. To leave out what "
     "matches any of several, give a list of them."),
    ("SER063", "Not a histogram's name", "Give the histogram without `_bucket`, `_count` or `_sum`, and without `le`."),
    ("SER064", "PromQL that is not computed yet", "The text is valid PromQL but this version cannot evaluate it; it is "
     "refused rather than computed wrongly."),
    # Sense
    ("SER070", "Start is not a hand-over", "The schedule's `start` must fall on the weekday of `handover`."),
    ("SER071", "Steps do not come later and later", "Each step of an escalation must come after the one before it."),
    ("SER072", "Timeout longer than the interval", "A scrape must be over before the next one begins."),
    ("SER073", "Target read twice", "Two jobs of the same name read the same address; their samples would collide."),
    ("SER074", "One person in two roles (warning)", "The schedule has more roles than people, so a page goes from a "
     "person to the same person."),
    ("SER075", "Target is both a role and a person", "Rename one of them, so that it is plain who is paged."),
    ("SER076", "Severity pages nobody (warning)", "The objective's fast burn has a severity whose `page` is `never`."),
    ("SER077", "First step waits (warning)", "Nobody is paged until the first step's `after` has passed."),
    ("SER078", "Listed twice (warning)", "The same name stands in the list more than once."),
    ("SER079", "Unclosed template (warning)", "`{{` and `}}` do not pair; the text would be shown as it is."),
    ("SER080", "Secret in the file (warning)", "A chat webhook's address, or a password in an address, is a secret. "
     "Write `env:NAME` where that is possible and keep the value in the environment."),
    # Unused
    ("SER090", "Never used (warning)", "Nothing refers to it. Perhaps a name is misspelt elsewhere."),
    ("SER091", "Component of no service (warning)", "No service's `status` names it, so its state will be unknown."),
    ("SER092", "Nothing to watch (warning)", "The service has neither objectives nor alerts; it can break unnoticed."),
    ("SER093", "No service (warning)", "The spec declares no service."),
    ("SER099", "Too many mistakes", "Only the first thousand are listed. Mend those first."),
    # Backtests
    ("SER110", "Bad demand", "What a backtest must come to is a percentage above 0 and up to 100 (`precision`, "
     "`recall`), or a number (`max_pages_per_week`)."),
    ("SER111", "Tier that means nothing", "A burn-rate tier needs a factor above 1, and a short window below its long "
     "one."),
    ("SER112", "Bad incident", "A file of incidents is a list of mappings, or a CSV table, with `start` and `end` as "
     "instants with their zone, and if need be `service` and `name`."),
    # Prometheus's rule files
    ("SER100", "Not a rule file", "A rule file has `groups`, or is a PrometheusRule, or a List of them."),
    ("SER101", "Bad name of a series", "A recording rule is called as the series that it makes: not empty, without "
     "braces. What was meant as an expression belongs into `expr`."),
    ("SER102", "Not for a recording rule", "`for`, `keep_firing_for` and `annotations` are an alert's."),
    ("SER103", "Wrong template", "The text between `{{` and `}}` does not follow the grammar of Go's templates, or "
     "uses a function or variable that there is not."),
    ("SER104", "Rule given twice (warning)", "Two rules have the same name and the same labels: their series or "
     "alerts would be each other's."),
)  # fmt: skip

CODES: dict[str, Code] = {
    id_: Code(id_, title.removesuffix(" (warning)"), meaning, "warning" if title.endswith(" (warning)") else "error")
    for id_, title, meaning in _TABLE
}


def reference() -> str:
    """The table of codes as a Markdown page."""
    lines = [
        "# Diagnostics",
        "",
        "<!-- Generated: uv run python -m sereno.spec.reference > docs/reference/diagnostics.md -->",
        "",
        "What `sereno check` can say. Errors keep the spec from being used; warnings do not. "
        "Codes are stable: one that has been given out keeps its meaning.",
        "",
        "| code | level | title | what it means |",
        "| --- | --- | --- | --- |",
    ]
    lines += [f"| {c.id} | {c.level} | {c.title} | {c.meaning.replace('|', chr(92) + '|')} |" for c in CODES.values()]
    return "\n".join(lines) + "\n"
