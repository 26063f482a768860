"""An Alertmanager's file brought into a spec: who is told, without any secret, and nothing lost without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from sereno.app.cli import run
from sereno.app.importing.alertmanager import bring
from sereno.app.promql_checker import Checker
from sereno.kernel.errors import UsageError
from sereno.spec.loader import load, load_text

CONFIG = """
global: {slack_api_url: 'https://hooks.slack.com/services/T0/B0/hush', smtp_auth_password: hush, smtp_smarthost: 'mail:25'}
route:
  receiver: everyone
  routes:
    - {matchers: ['team="payments"'], receiver: pay}
    - {matchers: ['service="search"'], receiver: everyone}
    - {matchers: ['severity="critical"'], receiver: pay, mute_time_intervals: [maintenance-sunday]}
receivers:
  - name: everyone
    email_configs: [{to: 'ops@shop.example, dev@shop.example', auth_password: hush}]
    slack_configs: [{channel: '#ops', api_url: 'https://hooks.slack.com/services/T0/B0/hush'}]
  - name: pay
    webhook_configs: [{url: 'https://pages.example/hush', http_config: {authorization: {credentials: hush}}}]
    pagerduty_configs: [{routing_key: hush}]
inhibit_rules: [{source_matchers: ['severity="critical"'], target_matchers: ['severity="warning"'], equal: [alertname]}]
time_intervals:
  - name: maintenance-sunday
    time_intervals: [{weekdays: ['sunday'], times: [{start_time: '02:00', end_time: '04:30'}], location: America/Lima}]
  - name: office-hours
    time_intervals: [{weekdays: ['monday:friday'], times: [{start_time: '09:00', end_time: '17:00'}]}]
"""


def test_receivers_become_teams_with_somebody_to_page() -> None:
    loaded = load_text(bring("am.yml", CONFIG).texts(), promql=Checker())

    assert loaded.spec is not None, [d.render() for d in loaded.diagnostics]
    people = {name: [(c.channel, c.address) for c in person.contacts] for name, person in loaded.spec.people.items()}
    assert people == {
        "everyone": [("email", "ops@shop.example"), ("email", "dev@shop.example"), ("slack", "env:SLACK_EVERYONE")],
        "pay": [("webhook", "env:WEBHOOK_PAY")],
    }
    assert loaded.spec.teams["payments"].escalation == "pay"


def test_planned_work_becomes_maintenance_and_office_hours_do_not() -> None:
    loaded = load_text(bring("am.yml", CONFIG).texts(), promql=Checker())

    assert loaded.spec is not None
    (planned,) = loaded.spec.maintenances.values()
    assert (planned.rrule, planned.zone, planned.start.isoformat(), str(planned.duration)) == (
        "FREQ=WEEKLY;BYDAY=SU", "America/Lima", "2024-01-07T02:00:00", "2:30:00",
    )  # fmt: skip


def test_no_secret_is_written_and_each_is_said() -> None:
    brought = bring("am.yml", CONFIG)

    assert not [name for name, text in brought.texts().items() if "hush" in text]
    assert not [note for note in brought.notes if "hush" in str(note)]
    said = [str(note) for note in brought.notes if "secret" in note.what]
    assert len(said) == 7
    assert (
        said[0]
        == "am.yml:2:25: the secret in slack_api_url: left out: put it in a file below /etc/alertmanager/secrets"
    )


def test_what_the_spec_cannot_say_is_kept_raw_and_said() -> None:
    brought = bring("am.yml", CONFIG)

    raw = load_text(brought.texts(), promql=Checker()).spec
    assert raw is not None
    assert "inhibit_rules" in raw.raw.alertmanager
    kept = {note.what for note in brought.notes if note.kept == "kept raw"}
    assert {
        "an inhibition",
        "the route of service search",
        "the times office-hours",
        "pagerduty of the receiver",
    } <= kept


@pytest.mark.parametrize(
    ("text", "place"),
    [("groups: []\n", "am.yml:1:1"), ("route: {receiver: a}\nreceivers: [{name: b}]\n", "am.yml:1:19"),
     ("route: {receiver: [\n", "am.yml:1:20"), ("", "am.yml:1:1")],
)  # fmt: skip
def test_another_file_is_refused_with_the_place(text: str, place: str) -> None:
    with pytest.raises(UsageError) as refused:
        bring("am.yml", text)

    assert refused.value.message.startswith(f"{place}: ")


def test_a_file_that_is_there_is_only_overwritten_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "am.yml").write_text(CONFIG)
    folder = str(tmp_path / "reliability")
    arguments = ["import", "alertmanager", str(tmp_path / "am.yml"), "--into", folder]

    assert run(arguments) == 0
    assert load(Path(folder), promql=Checker()).spec is not None
    assert run(arguments) == 2
    assert "would be overwritten" in capsys.readouterr().err
    assert run([*arguments, "--force"]) == 0
