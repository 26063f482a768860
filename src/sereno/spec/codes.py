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
    ("SER002", "File too large", "A file may hold 5 MB, and a folder 2,000 files. Split the file, one service each."),
    ("SER003", "Not YAML", "The text breaks the grammar of YAML. Reading goes on at the next `---`."),
    ("SER004", "Key given twice", "A mapping has the same key twice; only one of them could count. Remove one."),
    ("SER005", "Too deep or too big", "Mappings and lists may nest 32 deep, and a file may hold 250,000 values once "
     "its aliases are followed."),
    ("SER006", "YAML feature that is not used here", "Merge keys (`<<`), tags such as `!!binary`, and aliases without "
     "an anchor are refused; write the values out."),
    ("SER007", "Nothing is declared", "The folder holds no `.yaml` or `.yml` file, or its files hold no document."),
    ("SER008", "Key is not text", "A key must be one plain word. Text that begins with `{` or `[` needs quotes."),
    # Documents
    ("SER010", "Unknown kind of document", "A document says what it is by one of its keys: `service`, `team`, "
     "`person`, `schedule`, `escalation`, `severities`, `status_page` or `workspace`."),
    ("SER011", "Not read yet (warning)", "The document or key is understood but this version does nothing with it "
     "(manifests, rule files, readiness …). It is skipped."),
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
    # What is monitored, and who hears of it
    ("SER190", "Secret, not its file", "Passwords, keys and addresses that nobody else may know stand in files beside "
     "Alertmanager; the spec names the file: `/etc/alertmanager/secrets/slack`."),
    ("SER191", "Mail that nobody takes", "Receivers of mail need `smtp` with `host` (and port) and `from`."),
    ("SER192", "Unknown receiver", "`notifications` lists no receiver of that name."),
    ("SER193", "Bad probe", "The probe cannot ask this, or cannot see what it is to expect."),
    ("SER194", "Bad discovery", "Prometheus would refuse this discovery, or scrape what is no metrics' port."),
    # Dashboards
    ("SER195", "Unknown unit", "A panel's `unit` is one that Grafana knows (`percentunit`, `s`, `bytes`, `reqps` …) or "
     "one of your own: `currency:PEN`, `suffix: pods`."),
    ("SER196", "Bad threshold", "Thresholds go up; only the first may be without `at`, and each has a colour: a word "
     "such as `green`, or `#EAB839`. Numbers are written `0.8` or `80%`."),
    ("SER197", "Bad parameter of a template", "The built-in dashboard does not know the parameter, needs one that is "
     "missing, or wants a name where something else was written."),
    ("SER198", "Not a dashboard or panel of Grafana", "What is kept as `raw` is Grafana's own JSON: a panel has a "
     "`type`, a dashboard has `panels`."),
    ("SER199", "Unknown dashboard", "No document declares a dashboard of that name."),
    # Unused
    ("SER081", "Not an address of that channel", "A telephone number is written with its country, `+51 999 000 111`; "
     "a device as its gateway knows it. Any of them may be `env:NAME`."),
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
    # Objectives, policies, plans
    ("SER113", "No `$window` in the query", "The PromQL of an indicator is computed over many windows: its ranges are "
     "written `[$window]`. With a fixed range every burn rate would be the same."),
    ("SER114", "Unknown service", "No document declares a service of that name."),
    ("SER115", "Unknown policy", "No document declares a policy of that name."),
    ("SER116", "Unknown objective", "No service has an objective of that name. It is written `service/objective`; a "
     "promise of several percentiles is several objectives: `latency-p95`, `latency-p99`."),
    ("SER117", "Promise that means nothing", "A composite has at least two parts, each once, none of them a composite, "
     "and weights only in the mode `weighted`. Of several percentiles the higher takes longer."),
    ("SER118", "Method that does not fit", "`timeslices` needs `slice_objective` (when a slice is good), and two "
     "slices fit into the window; `occurrences` has no slices; a gauge has no events, so it is counted in slices."),
    ("SER119", "Bad comparison", "A gauge is good when it compares with a number: `== 1`, `<= 0.8`."),
    ("SER120", "Bad percentage", "A percentage with its sign was expected: `80%`. Some places also bound it."),
    ("SER121", "Steps do not go up", "Each step of a policy, and each level of saturation, is above the one before it; "
     "and only what freezes can be overridden."),
    ("SER122", "Bad local time", "A date and a time of day on the clock of the zone: `2026-01-04T02:00`, without an "
     "offset."),
    ("SER123", "Bad rule of recurrence", "A rule follows RFC 5545: `FREQ=WEEKLY;BYDAY=SU`. Known are FREQ (HOURLY to "
     "YEARLY), INTERVAL, COUNT, UNTIL (local), BYDAY, BYMONTHDAY, BYMONTH, BYHOUR, BYMINUTE, BYSETPOS and WKST."),
    ("SER124", "Front matter cannot be read (warning)", "What stands between `---` and `---` at the top of a Markdown "
     "file is YAML: a mapping of words to texts."),
    ("SER125", "Nobody of that name", "Neither a team nor a person has that name."),
    ("SER126", "Bad number", "A number within the bounds that the message names was expected."),
    ("SER131", "Start is not on the rule's weekday (warning)", "Nothing happens at a start that the rule leaves out."),
    # What is taken from elsewhere
    ("SER127", "Unknown variable", "`${name}` stands for a variable that the workspace, or the template, declares. "
     "Where the text itself is meant, write `$${name}`."),
    ("SER128", "Bad variable", "A variable has a name of letters, digits, `-` and `_`, a type (string, number, "
     "duration, percentage, boolean, url), and a value of that type without other variables in it."),
    ("SER129", "Variable without a value", "A variable without a default needs one from the environment that is "
     "chosen: `--environment`, or SERENO_ENVIRONMENT."),
    ("SER130", "Unknown environment", "The workspace declares no environment of that name."),
    ("SER132", "Unknown template", "No document declares a template of that name for that kind of thing."),
    ("SER133", "Templates in a circle", "A template extends itself, by way of the others that the message names; or "
     "more than twenty extend one another."),
    ("SER134", "Nothing to override", "An environment overrides keys of documents that are declared: its entry names "
     "one by its kind and name."),
    ("SER137", "Too long with its variables", "A text may hold 100,000 characters once its variables have their "
     "values, all of them together ten million; and templates may make 20,000 things."),
    ("SER138", "Bad value of a flag", "A flag's values are of its type, its default is one of them, and `share` goes "
     "with `to`: who gets what instead."),
    ("SER139", "Flag past its date (warning)", "A flag was to be taken out by its `expires`, and is still there: take "
     "it out of the code and of the spec, or give it another date."),
    ("SER142", "Flag declared twice (warning)", "Two sets declare a flag of the same name for the same service, or for "
     "all: services evaluate the set whose name comes first."),
    ("SER143", "Bad address of a kit", "Admin endpoints are named by their addresses, each once; over the open "
     "network by https, so that nobody reads the token; `scrape` derives them from targets, which there must be."),
    ("SER144", "Not a variable of a kit's token", "`token` names the environment variable that has the token. Its name "
     "has KIT_TOKEN in it, so that the spec can make Sereno send no other secret of its environment."),
    # Text that others would read otherwise
    ("SER135", "Read otherwise by YAML 1.1 (warning)", "YAML 1.2, which Sereno reads, takes `on`, `no`, `012`, `1:30` "
     "and dates for text; tools that read YAML 1.1 make a truth value, an octal number, seconds or a date of them. "
     "Quotes make it the same for all."),
    ("SER136", "Garbled text (warning)", "The text was UTF-8 and was read as Latin-1, Windows-1252 or Mac Roman: "
     "`CanciÃ³n` was `Canción`. `sereno fmt --repair` puts it right."),
    # Templates of indicators
    ("SER140", "Key of another kind of indicator", "A template is about one thing: failures, or time, or what waits. "
     "The key belongs to one of its other uses; promise that in an objective of its own."),
    ("SER141", "Cases of different hours", "What begins and what is done in the same hour are different cases: their "
     "ratio can exceed 1, and at low volume one case turns it over. Count both when a case is settled, or `late` when "
     "it is due."),
    # Prometheus's rule files
    ("SER100", "Not a rule file", "A rule file has `groups`, or is a PrometheusRule, or a List of them."),
    ("SER101", "Bad name of a series", "A recording rule is called as the series that it makes: not empty, without "
     "braces. What was meant as an expression belongs into `expr`."),
    ("SER102", "Not for a recording rule", "`for`, `keep_firing_for` and `annotations` are an alert's."),
    ("SER103", "Wrong template", "The text between `{{` and `}}` does not follow the grammar of Go's templates, or "
     "uses a function or variable that there is not."),
    ("SER104", "Rule given twice (warning)", "Two rules have the same name and the same labels: their series or "
     "alerts would be each other's."),
    # Other dialects
    ("SER150", "Dialect, version or kind that is not read", "OpenSLO is read as `openslo/v1` and `openslo/v1alpha`, "
     "Sloth as `prometheus/v1` and `sloth.slok.dev/v1`, Pyrra as `pyrra.dev/v1alpha1`."),
    ("SER151", "Reference that leads nowhere", "An OpenSLO document refers to another by its name; none in the folder "
     "has it."),
    ("SER152", "Bad name in this dialect", "Names there are lower-case letters, digits and dashes, at most 63."),
    ("SER153", "Data that is not read (warning)", "The indicator asks something other than a Prometheus. The document "
     "is right, but its objective is not watched."),
    ("SER154", "Bad duration in this dialect", "OpenSLO writes a whole number with m (minutes), h, d, w, M (months), "
     "Q or Y."),
    ("SER155", "Number out of range", "A plain decimal number within the bounds of the message was expected."),
    ("SER156", "Text too long", "The dialect limits its texts: titles to 63 characters, descriptions to 1,050."),
    ("SER157", "Keys that do not go together", "Of the keys of this mapping one forbids, or demands, another."),
    ("SER158", "Query that cannot be counted", "An indicator is computed over many windows, so its query names the "
     "window: `{{.window}}`. Or what is asked has no equal here; the message says what."),
    ("SER159", "Understood a little differently (warning)", "What is written has no exact equal; the message says how "
     "it is taken."),
    ("SER160", "Nobody to page (warning)", "A service that only other dialects name belongs to the team of its labels "
     "`team` or `owner`, or to the only team; there is neither."),
    ("SER161", "Plugin that cannot be expressed", "Sloth's plugins are programs. The common ones are known; this one "
     "is not, or its options are wrong. Write the queries it would give."),
    ("SER162", "Left out (warning)", "The key has no equal here and changes no number; the message says what is lost."),
    ("SER163", "Condition or objective left out (warning)", "An alerting condition that would fire inside the budget, "
     "or an objective that promises nothing, is left out."),
    ("SER164", "Bad label or annotation", "Names of labels and annotations follow the rules of the dialect."),
    ("SER165", "Document given twice (warning)", "The same document stands in the folder again; the first counts."),
    # What objectives come to
    ("SER180", "Events that nobody saw", "`unknown: bad` or `good` says what time without samples counts as. Where "
     "events are counted there is no number of those that nobody saw: count slices (`method: timeslices`)."),
    ("SER181", "Ratio that nothing weighs (warning)", "A share of bad events without their number can only be averaged "
     "over time, so that an idle night weighs what a busy day does. Give `total` and `bad`."),
    ("SER182", "Guard without events (warning)", "`low_traffic` counts events; gauges, ratios and composites have "
     "none, and `budget_fraction` has no meaning for slices."),
    ("SER183", "Slices too short for their samples (warning)", "A rate needs samples: a slice that holds fewer than "
     "four scrapes may come to nothing, which shows as missing coverage."),
    ("SER184", "Objective that alerts nobody (warning)", "Every burn-rate tier would fire inside the budget, or could "
     "never fire, or looks at too few scrapes; the message says which and why."),
    ("SER185", "Maintenance that cannot be followed", "The rule of repetition cannot be read, never comes, or comes "
     "too often to be followed."),
    ("SER186", "Too many slices", "A window may hold a million slices."),
    # How a service is run and released
    ("SER700", "Not a name in Kubernetes", "Names of things in a cluster are letters a to z, digits and `-`, at most "
     "63, beginning and ending with a letter or digit."),
    ("SER701", "Image that moves", "An image needs a tag that says a version, or a digest. With `latest`, or no tag, "
     "two replicas may run two programs and a rollback may roll back to the same."),
    ("SER702", "Impossible number", "An amount, share or count is out of bounds: CPU is cores or thousandths (`500m`), "
     "memory has a unit (`512Mi`), a limit is at least what is asked for."),
    ("SER703", "Bad port, path or host", "Ports are 1 to 65535 with a name of at most 15 characters, each once; paths "
     "begin with `/`; hosts are names such as `shop.example`."),
    ("SER704", "Liveness and readiness ask the same (warning)", "Liveness restarts, readiness only sends no work. If "
     "they ask the same, a slow dependency restarts every replica at once."),
    ("SER705", "Impossible replicas", "`max` is not below `min`, and above it something (`cpu`, `events`) says when."),
    ("SER707", "Bad steps of a canary", "Steps send a rising whole percentage of the traffic, from 1% to 99%; after "
     "the last comes everything. By hand (`istio`) the new version's `image` is needed."),
    ("SER708", "Canary that nothing judges", "The objectives that judge a new version are the service's own."),
    ("SER709", "Bad variable", "A variable is a name and a text, or a key of a Secret. Passwords, tokens and keys are "
     "always the latter."),
    ("SER710", "Bad range of addresses", "A range is written `203.0.113.0/24`, its host bits zero."),
    ("SER711", "Bad experiment", "An experiment makes one of the faults that are known, for at least as long as it "
     "takes to strike again; what follows from its own keys cannot be set beside them."),
    ("SER712", "Bad key to redact", "Keys whose values are redacted are written without quotes or spaces; their case "
     "does not matter, and `-`, `_` and `.` stand for one another."),
    ("SER713", "Bad path of log files", "Log files are named by absolute paths, in which `*` stands for anything."),
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
