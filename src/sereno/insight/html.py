"""The report: one HTML file that needs nothing else, no script, no network; for a screen, a printer or an archive."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from sereno.insight.compare import Comparison, Failure
from sereno.insight.model import Outcome, Paged, Promise, Report
from sereno.insight.people import HUMANE_PAGES_A_SHIFT
from sereno.insight.plots import heat, scatter, timeline
from sereno.insight.style import CSS, LINES
from sereno.insight.telling import Voice, blind_spots, failure, suggestion, thin, tiers, verdict, why
from sereno.insight.whatif import ranked
from sereno.kernel.inert import inert
from sereno.kernel.message import Language

ROWS_MAX = 200
VARIANTS_MAX = 40


def page(
    report: Report,
    failures: Sequence[Failure],
    comparison: Comparison | None,
    language: Language,
    *,
    warnings: Sequence[str] = (),
) -> str:
    """The whole report in `language`; the same bytes for the same report."""
    voice = Voice(language, report.zone)
    body = [
        _header(report, failures, comparison, voice, warnings),
        "<main>",
        _figures(report, voice),
        _comparison(comparison, voice),
        f"<h2>{_e(voice('services'))}</h2>",
        *(_case(number, case, report, voice) for number, case in enumerate(report.cases)),
        _people(report, voice),
        _variants(report, voice),
        "</main>",
        f"<footer><h2>{_e(voice('method'))}</h2><p>{_e(voice('method.text'))}</p>"
        f"<p>{_e(voice('origin.' + report.origin))}</p><p><code>{_e(report.digest[:16])}</code></p></footer>",
    ]
    title = f"{voice('name')} · {voice.at(report.end_ms)}"
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{_e(title)}</title><style>{CSS}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _header(
    report: Report, failures: Sequence[Failure], comparison: Comparison | None, voice: Voice, warnings: Sequence[str]
) -> str:
    when = voice(
        "span", start=voice.at(report.start_ms), end=voice.at(report.end_ms), interval=voice.span(report.interval)
    )
    base = comparison.base if comparison else ""
    notices = [f'<p class="notice bad">{_e(failure(one, base, voice))}</p>' for one in failures]
    if comparison is not None and not failures:
        notices.append(f'<p class="notice good">{_e(voice("gate.passed"))}</p>')
    notices += [f'<p class="notice">{_e(line)}</p>' for line in (*blind_spots(report, voice), *warnings)]
    return (
        f'<header><p class="eyebrow">{_e(voice("name"))} · {_e(when)}</p><h1>{_e(voice("title"))}</h1>'
        f'<p class="lead">{_e(" ".join(verdict(report, voice)))}</p>{"".join(notices)}</header>'
    )


def _figures(report: Report, voice: Voice) -> str:
    score = report.score
    nights = sum(load.nights_broken for load in report.loads)
    wrong = voice("nothing") if score.wrong_per_week is None else voice.number(score.wrong_per_week)
    f_score = voice("nothing") if score.f_score is None else voice.number(score.f_score, 2)
    shown = [
        ("precision", voice.share(score.precision), voice("precision.why")),
        ("recall", voice.share(score.recall), voice("recall.why")),
        ("f_score", f_score, voice("f_score.why")),
        ("detection", voice.span(score.detection), voice("detection.why", worst=voice.span(score.detection_worst))),
        ("reset", voice.reset(score.reset), voice("reset.why", worst=voice.reset(score.reset_worst))),
        ("per_week", voice.number(score.per_week), voice("per_week.why", wrong=wrong)),
        ("nights", str(nights), voice("nights.why")),
    ]
    beta = f"{report.beta.normalize():f}"
    tiles = "".join(
        f'<div><dt>{_e(voice(name, beta=beta))}</dt><dd><span class="value">{_e(value)}</span> '
        f'<span class="why">{_e(words)}</span></dd></div>'
        for name, value, words in shown
    )
    return f'<dl class="figures">{tiles}</dl>'


def _case(number: int, case: Outcome, report: Report, voice: Voice) -> str:
    missed = [
        [_e(one.incident.name), voice.at(one.incident.start_ms), _e(why(one, voice))] for one in case.missed[:ROWS_MAX]
    ]
    parts: list[str] = []
    if case.fired or case.incidents or case.promises:
        parts.append(timeline(f"p{number}", case, report.start_ms, report.end_ms, voice))
        parts.append(_key(case, voice))
    parts.append(_pages(case, voice))
    if missed:
        parts.append(_table(voice("missed"), ("incident", "began", "why"), missed, voice))
    parts += [_rules(case, voice), *(_promise(promise, voice) for promise in case.promises), _gaps(case, voice)]
    title = f'<h3 id="s{number}">{_e(case.name)}</h3>'
    if case.pages or case.missed:
        return f'<section aria-labelledby="s{number}">{title}{"".join(parts)}</section>'
    # Who was left alone is told in a line; the rest is there for those who ask.
    line = f"<summary>{title}<span>{_e(voice('pages.none'))}</span></summary>"
    return f'<section aria-labelledby="s{number}"><details class="quiet">{line}{"".join(parts)}</details></section>'


def _key(case: Outcome, voice: Voice) -> str:
    kinds = [("bad", voice("incidents")), ("page", voice("pages")), ("warn", voice("alerts"))]
    if case.unknown:
        kinds.append(("line", voice("gaps")))
    told = "".join(f'<li><i style="background:var(--{name})"></i>{_e(words)}</li>' for name, words in kinds)
    lines = [line for promise in case.promises for line in promise.lines if line.kind == "page"]
    drawn = "".join(
        f'<li><svg viewBox="0 0 35 12" aria-hidden="true"><path class="burn burn-{place % LINES}" d="M0 6H35"/></svg>'
        f"{_e(line.alert)}</li>"
        for place, line in enumerate(lines)
    )
    return f'<ul class="key">{told}{drawn}</ul>'


def _pages(case: Outcome, voice: Voice) -> str:
    if not case.pages:
        return f'<p class="soft">{_e(voice("pages.none"))}</p>'
    columns = ("opened", "lasted", "severity", "alert", "called", "right", "spent", "exhausts")
    rows = [_page_row(one, case, voice) for one in case.pages[:ROWS_MAX]]
    return _table(voice("pages"), columns, rows, voice, more=len(case.pages) - ROWS_MAX)


def _page_row(one: Paged, case: Outcome, voice: Voice) -> list[str]:
    first = next((f for f in case.fired if f.fired_ms == one.opened_ms and f.alert in one.alerts), None)
    budget = first.budgets[0] if first and first.budgets else None
    called = ", ".join(dict.fromkeys(demand.person for demand in one.demands)) or voice("nobody")
    answer = voice("nothing") if one.right is None else voice("yes" if one.right else "no")
    kind = "" if one.right is None else "yes" if one.right else "no"
    return [
        voice.at(one.opened_ms), voice.between(one.opened_ms, one.closed_ms), _e(one.severity),
        _e(", ".join(one.alerts)), _e(called), f'<span class="{kind}">{_e(answer)}</span>',
        voice.share(budget.consumed if budget else None, 1), voice.span(budget.exhausts_in if budget else None),
    ]  # fmt: skip


def _rules(case: Outcome, voice: Voice) -> str:
    rows = [
        [
            _e(rule.alert), _e(rule.severity), str(rule.score.raised), voice.share(rule.score.precision),
            voice.share(rule.score.recall), voice.span(rule.score.detection), voice.reset(rule.score.reset),
            voice.number(rule.score.per_week),
        ]
        for rule in case.rules
        if rule.score.raised
    ]  # fmt: skip
    silent = [rule.alert for rule in case.rules if not rule.score.raised]
    columns = ("alert", "severity", "fired", "precision", "recall", "detection", "reset", "per_week")
    told = _table(voice("rules"), columns, rows[:ROWS_MAX], voice, more=len(rows) - ROWS_MAX) if rows else ""
    if silent:
        words = voice.count("rules.silent", len(silent), count=len(silent), names=", ".join(silent))
        told += f'<p class="soft">{_e(words)}</p>'
    return told


def _promise(promise: Promise, voice: Voice) -> str:
    days = "".join(_day(day.date, None if day.sli is None else day.sli >= promise.objective,
                        voice.share(day.sli, 3)) for day in promise.days)  # fmt: skip
    said = [*suggestion(promise, voice), *(thin(low, voice) for low in promise.low_traffic)]
    rows = [
        [voice.objective(one.objective), f"{one.days_kept}/{promise.suggestion.days}",
         f"{one.windows_broken}/{promise.suggestion.windows}", voice.share(one.worst_consumed, 1)]
        for one in promise.suggestion.candidates
    ]  # fmt: skip
    table = _table(voice("candidates"), ("objective", "days_kept", "windows", "worst"), rows, voice) if rows else ""
    name = f"{promise.slo} · {voice.objective(promise.objective)}"
    return (
        f"<h4>{_e(name)}</h4>"
        + (f'<ol class="days" aria-label="{_e(voice("days", slo=promise.slo))}">{days}</ol>' if days else "")
        + "".join(f"<p>{_e(line)}</p>" for line in said)
        + (f"<details><summary>{_e(voice('candidates'))}</summary>{table}</details>" if table else "")
    )


def _day(date: str, kept: bool | None, shown: str) -> str:
    kind = "blank" if kept is None else "kept" if kept else "broken"
    return (
        f'<li class="{kind}" title="{_e(date)}: {_e(shown)}"><span class="hidden">{_e(date)}: {_e(shown)}</span></li>'
    )


def _gaps(case: Outcome, voice: Voice) -> str:
    rows = [
        [_e(one.what), voice.at(one.start_ms), voice.at(one.end_ms),
         _e(voice("why.no_samples") if one.why == "no_samples" else one.why)]
        for one in case.unknown[:ROWS_MAX]
    ]  # fmt: skip
    if not rows:
        return ""
    table = _table(voice("gaps"), ("what", "from", "until", "why"), rows, voice, more=len(case.unknown) - ROWS_MAX)
    return f"<details><summary>{_e(voice('gaps'))}: {len(case.unknown)}</summary>{table}</details>"


def _people(report: Report, voice: Voice) -> str:
    if not report.loads:
        return f"<h2>{_e(voice('people'))}</h2><p>{_e(voice('people.none'))}</p>"
    rows = [
        [
            _e(load.person), str(load.pages), str(load.calls), str(load.night_calls), str(load.weekend_calls),
            str(load.nights_broken), _shift(load.busiest_shift, voice),
            _e(" · ".join(f"{week} {count}" for week, count in load.by_week)),
        ]
        for load in report.loads
    ]  # fmt: skip
    columns = ("person", "pages", "calls", "night", "weekend", "nights", "shift", "weeks")
    return (
        f"<h2>{_e(voice('people'))}</h2>"
        + _table(voice("people"), columns, rows, voice)
        + f"<h3>{_e(voice('heat'))}</h3>"
        + heat("heat", report.heat, voice)
    )


def _shift(busiest: int, voice: Voice) -> str:
    if busiest <= HUMANE_PAGES_A_SHIFT:
        return str(busiest)
    return f'<span class="no">{busiest} ({_e(voice("humane"))})</span>'


def _variants(report: Report, voice: Voice) -> str:
    explored = [one for case in report.cases for one in case.explored]
    parts = [f"<h2>{_e(voice('whatif'))}</h2>"] if explored else []
    blind: list[str] = []
    for number, one in enumerate(explored):
        best = [tried for tried in one.tried if tried.best]
        name = f"{one.service}/{one.slo}"
        if not best:
            blind.append(name)
            continue
        shown = [one.tried[0], *[tried for tried in ranked(best) if tried.number][:VARIANTS_MAX]]
        rows = [
            [
                f"{tried.number}{' · ' + _e(voice('declared')) if tried.variant.declared else ''}",
                _e(voice.objective(tried.variant.objective.ratio)), _e(tiers(tried)), voice.span(tried.variant.for_),
                voice.span(tried.score.detection), voice.number(tried.score.per_week),
                voice.share(tried.score.precision), voice.share(tried.score.recall), voice.share(tried.spent, 1),
            ]
            for tried in shown
        ]  # fmt: skip
        columns = ("number", "objective", "tiers", "for", "detection", "per_week", "precision", "recall", "spent")
        lead = voice.count("whatif.lead", len(best), tried=len(one.tried), slo=name, front=len(best))
        parts += [
            f'<details class="quiet"{"" if number else " open"}><summary><h3>{_e(name)}</h3></summary>',
            f"<p>{_code(lead)}</p>",
            scatter(f"w{number}", one, voice),
            f'<p class="soft">{_e(voice("whatif.axes"))}</p>',
            _dots(voice),
            _table(name, columns, rows, voice),
            "</details>",
        ]
    if blind:
        parts.append(f'<p class="soft">{_e(voice("whatif.blind", slo=", ".join(blind)))}</p>')
    return "".join(parts)


def _dots(voice: Voice) -> str:
    kinds = (("background:var(--warn)", "declared"), ("background:var(--page)", "whatif.best"),
             ("border:2px solid var(--bad)", "whatif.misses"))  # fmt: skip
    shown = "".join(f'<li><i style="border-radius:50%;{style}"></i>{_e(voice(words))}</li>' for style, words in kinds)
    return f'<ul class="key">{shown}</ul>'


def _comparison(comparison: Comparison | None, voice: Voice) -> str:
    if comparison is None:
        return ""
    rows = []
    for one in comparison.services:
        for kind, changed in (("added", one.added), ("removed", one.removed)):
            rows += [[_e(one.name), _e(voice(f"change.{kind}")), voice.at(p.opened_ms), _e(", ".join(p.alerts))]
                     for p in changed]  # fmt: skip
        for moved in one.moved:
            later = moved.after.opened_ms > moved.before.opened_ms
            words = voice("change.later" if later else "change.earlier", span=voice.span(abs(moved.later)))
            rows.append([_e(one.name), _e(words), voice.at(moved.after.opened_ms), _e(", ".join(moved.after.alerts))])
    before, after = comparison.before, comparison.after
    scores = [
        [_e(voice("precision")), voice.share(before.precision, 1), voice.share(after.precision, 1)],
        [_e(voice("recall")), voice.share(before.recall, 1), voice.share(after.recall, 1)],
        [_e(voice("detection")), voice.span(before.detection), voice.span(after.detection)],
        [_e(voice("per_week")), voice.number(before.per_week), voice.number(after.per_week)],
    ]
    changes = (
        _table(
            voice("pages"), ("service", "change", "opened", "alert"), rows[:ROWS_MAX], voice, more=len(rows) - ROWS_MAX
        )
        if rows
        else f"<p>{_e(voice('change.none'))}</p>"
    )
    title = voice("compare", base=comparison.base)
    return f"<h2>{_e(title)}</h2>" + _table(title, ("what", "before", "after"), scores, voice) + changes


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], voice: Voice, *, more: int = 0) -> str:
    """A table whose cells are HTML already, in a frame that scrolls by itself on a small screen."""
    head = "".join(f'<th scope="col">{_e(voice(f"col.{column}"))}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td{_wrap(cell)}>{cell}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    rest = f'<p class="soft">+{more} (--json)</p>' if more > 0 else ""
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{_e(title)}"><table>'
        f"<caption>{_e(title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{rest}"
    )


def _wrap(cell: str) -> str:
    return ' class="wrap"' if len(cell) > 40 and "<" not in cell else ""


def _e(text: str) -> str:
    return escape(inert(text))


def _code(text: str) -> str:
    """The text, what stands between back-quotes as code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", _e(text))
