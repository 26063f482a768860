"""The target `terraform-pagerduty`: the same rotations, escalations and services, for those who page with PagerDuty."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sereno.compiler.targets import Output, Request
from sereno.compiler.terraform import Block, document, labels, reference, secret, text
from sereno.compiler.text import Value
from sereno.spec.model import Escalation, Person, Schedule, Spec

_WEEK_SECONDS = 7 * 24 * 3600
_MINUTE = timedelta(minutes=1)
_LOOPS_MAX = 9
_PATH = "terraform/pagerduty/sereno.tf.json"


def terraform_pagerduty(request: Request) -> Output:
    """PagerDuty's services, schedules and escalation policies as Terraform JSON; people by their e-mail."""
    spec = request.spec
    services = sorted(name for name, one in spec.services.items() if one.team in spec.teams)
    if not services:
        return Output({}, ("no service has a team whose escalation could be walked: nothing to write for PagerDuty",))
    writer = _Writer(spec)
    resources: dict[str, Value] = {
        "pagerduty_schedule": writer.schedules(),
        "pagerduty_escalation_policy": writer.policies(),
        "pagerduty_service": writer.services(services),
        "pagerduty_service_integration": writer.integrations(services),
    }
    keys: dict[str, Value] = {
        name: reference(f"pagerduty_service_integration.{writer.service[name]}.integration_key") for name in services
    }
    parts: dict[str, Value] = {
        "terraform": {
            "required_version": ">= 1.0",
            "required_providers": {"pagerduty": {"source": "PagerDuty/pagerduty", "version": "~> 3.30"}},
        },
        "variable": {"pagerduty_token": secret("The REST API key of the PagerDuty account"), **writer.addresses()},
        "provider": {"pagerduty": {"token": reference("var.pagerduty_token")}},
        "data": {"pagerduty_user": writer.users()},
        "resource": {name: found for name, found in resources.items() if found},
        "output": {
            "integration_keys": {
                "description": "The routing key of each service, for whoever sends its alerts",
                "value": {text(name): key for name, key in keys.items()},
                "sensitive": True,
            }
        },
    }
    return Output({_PATH: document(parts)}, tuple(writer.notes()))


class _Writer:
    """The blocks of one workspace: only what an escalation of a team can reach."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        walked = {spec.teams[one.team].escalation for one in spec.services.values() if one.team in spec.teams}
        self.walked = [spec.escalations[name] for name in sorted(walked)]
        used = {one.schedule for one in self.walked if one.schedule}
        self.used = [spec.schedules[name] for name in sorted(used)]
        direct = {target for one in self.walked for step in one.steps for target in step.targets}
        people = {name for one in self.used for name in one.people} | (direct & set(spec.people))
        self.people = [spec.people[name] for name in sorted(people)]
        self.person = labels(one.name for one in self.people)
        self.escalation = labels(one.name for one in self.walked)
        self.shift = labels(f"{one.name}-{role}" for one in self.used for role in one.roles)
        self.service = labels(sorted(spec.services))

    def users(self) -> Block:
        return {
            self.person[one.name]: {"email": text(_email(one)) or reference(f"var.email_{self.person[one.name]}")}
            for one in self.people
        }

    def addresses(self) -> dict[str, Value]:
        return {
            f"email_{self.person[one.name]}": {
                "type": "string", "description": text(f"The address with which {one.title or one.name} signs in"),
            }
            for one in self.people
            if not _email(one)
        }  # fmt: skip

    def schedules(self) -> Block:
        return {
            self.shift[f"{one.name}-{role}"]: self._schedule(one, role, index)
            for one in self.used
            for index, role in enumerate(one.roles)
        }

    def _schedule(self, schedule: Schedule, role: str, index: int) -> Block:
        """A role is a schedule of its own: the same ring, begun `index` places further round."""
        index %= len(schedule.people)
        ring = (*schedule.people[index:], *schedule.people[:index])
        start = datetime.combine(schedule.start, schedule.handover, ZoneInfo(schedule.zone)).isoformat()
        users: list[Value] = [self._user(name) for name in ring]
        layer: dict[str, Value] = {
            "name": text(role),
            "start": start,
            "rotation_virtual_start": start,
            "rotation_turn_length_seconds": _WEEK_SECONDS,
            "users": users,
        }
        return {"name": text(f"{schedule.name} {role}"), "time_zone": schedule.zone, "layer": [layer]}

    def _user(self, name: str) -> str:
        return reference(f"data.pagerduty_user.{self.person[name]}.id")

    def policies(self) -> Block:
        return {self.escalation[one.name]: self._policy(one) for one in self.walked}

    def _policy(self, escalation: Escalation) -> Block:
        starts = [step.after for step in escalation.steps]
        ends = [*starts[1:], starts[-1] + escalation.repeat_every]
        rules: list[Value] = [
            {
                "escalation_delay_in_minutes": _minutes(end - step.after),
                "target": [self._target(escalation, target) for target in dict.fromkeys(step.targets)],
            }
            for step, end in zip(escalation.steps, ends, strict=True)
        ]
        return {"name": text(escalation.name), "num_loops": _LOOPS_MAX, "rule": rules}

    def _target(self, escalation: Escalation, target: str) -> Block:
        schedule = self.spec.schedules.get(escalation.schedule or "")
        if schedule is not None and target in schedule.roles:
            shift = self.shift[f"{schedule.name}-{target}"]
            return {"type": "schedule_reference", "id": reference(f"pagerduty_schedule.{shift}.id")}
        return {"type": "user_reference", "id": self._user(target)}

    def services(self, names: list[str]) -> Block:
        return {self.service[name]: self._service(name) for name in names}

    def _service(self, name: str) -> Block:
        service = self.spec.services[name]
        escalation = self.escalation[self.spec.teams[service.team].escalation]
        written: dict[str, Value] = {"name": text(service.title or name)}
        if service.description:
            written["description"] = text(service.description)
        return {
            **written,
            "escalation_policy": reference(f"pagerduty_escalation_policy.{escalation}.id"),
            "alert_creation": "create_alerts_and_incidents",
            # Neither time alone closes a page, nor does one that is acknowledged begin anew by itself.
            "auto_resolve_timeout": "null",
            "acknowledgement_timeout": "null",
            "incident_urgency_rule": {"type": "constant", "urgency": "severity_based"},
        }

    def integrations(self, names: list[str]) -> Block:
        return {
            self.service[name]: {
                "name": "Events API v2",
                "type": "events_api_v2_inbound_integration",
                "service": reference(f"pagerduty_service.{self.service[name]}.id"),
            }
            for name in names
        }

    def notes(self) -> list[str]:
        """What PagerDuty is not told, or told otherwise."""
        said: list[str] = []
        for one in self.walked:
            said.append(
                f"escalation {one.name}: PagerDuty walks it {_LOOPS_MAX} times more, and then it stops; Sereno does not"
            )
            if any(step.via for step in one.steps):
                said.append(f"escalation {one.name}: by which means people are told is their own setting in PagerDuty")
            times = [step.after for step in one.steps] + [one.repeat_every]
            if any(time % _MINUTE for time in times):
                said.append(f"escalation {one.name}: PagerDuty knows whole minutes, so its delays are rounded up")
            if min(step.after for step in one.steps) > timedelta(0):
                said.append(f"escalation {one.name}: PagerDuty begins with its first step at once")
        without = sorted(name for name, one in self.spec.services.items() if one.team not in self.spec.teams)
        said += [f"service {name} has no team: PagerDuty is not told of it" for name in without]
        titles = [one.title or name for name, one in self.spec.services.items() if name not in without]
        for title in sorted({each for each in titles if titles.count(each) > 1}):
            said.append(f"several services are called {title!r}: PagerDuty takes only one of that name")
        return said


def _email(person: Person) -> str:
    """The first address that stands in the spec itself; "" without any."""
    found = (one.address for one in person.contacts if one.channel == "email")
    return next((address for address in found if not address.startswith("env:")), "")


def _minutes(wait: timedelta) -> int:
    return max(1, -(-wait // _MINUTE))
