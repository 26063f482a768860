"""Which steps of an error-budget policy are in force, decided from the budget alone."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sereno.kernel.language import Phrases, percent, say
from sereno.kernel.message import Language
from sereno.slo.model import Budget
from sereno.spec.model import Policy, PolicyStep, Slo, Spec

PHRASES: Phrases = {
    "none": {"es": "{policy}: nada que hacer todavía", "en": "{policy}: nothing to do yet"},
    "unknown": {
        "es": "{policy}: no se sabe qué rige, porque el presupuesto no se conoce",
        "en": "{policy}: nobody knows what is in force, for the budget is unknown",
    },
    "more": {"es": "desde el {at} consumido: {do}", "en": "from {at} consumed: {do}"},
    "step": {"es": "{policy}, desde el {at} consumido: {do}", "en": "{policy}, from {at} consumed: {do}"},
    "freeze": {"es": "se detienen los despliegues", "en": "releases stop"},
    "override": {"es": "solo {who} puede autorizar una excepción", "en": "only {who} may let one through"},
    "notify": {"es": "se avisa a {who}", "en": "{who} are told"},
    "next": {"es": "el próximo paso llega al {at}", "en": "the next step comes at {at}"},
}


@dataclass(frozen=True, slots=True)
class InForce:
    """What a policy asks for now.

    `steps` are those that the budget consumed has reached, mildest first; `next` is the one after them. `known` is
    False where nobody knows how much is consumed: then nothing is said to be in force, and nothing to be fine.
    """

    policy: Policy
    known: bool
    steps: tuple[PolicyStep, ...] = ()
    next: PolicyStep | None = None

    @property
    def frozen(self) -> bool:
        """Whether releases stop."""
        return any(step.freeze for step in self.steps)

    @property
    def override(self) -> tuple[str, ...]:
        """Who may let one through all the same: those whom the last of the steps that stop releases names."""
        return next((step.override for step in reversed(self.steps) if step.freeze), ())


def in_force(policy: Policy, consumed: Decimal | None) -> InForce:
    """The steps of `policy` whose share of the budget is consumed. `consumed` is 1 where all of it is; None unknown."""
    if consumed is None:
        return InForce(policy, known=False)
    ordered = sorted(policy.steps, key=lambda step: step.consumed)
    reached = tuple(step for step in ordered if step.consumed <= consumed)
    return InForce(policy, True, reached, next(iter(ordered[len(reached) :]), None))


def policy_of(spec: Spec, slo: Slo) -> Policy | None:
    """The policy of an objective, if it names one that is declared."""
    return spec.policies.get(slo.policy) if slo.policy else None


def standing(spec: Spec, slo: Slo, budget: Budget | None) -> InForce | None:
    """What the objective's policy asks for, by where its budget stands; None without a policy."""
    policy = policy_of(spec, slo)
    return None if policy is None else in_force(policy, None if budget is None else budget.consumed)


def told(found: InForce, language: Language) -> tuple[str, ...]:
    """What is in force, a line a step and one about the next, for people."""
    name = found.policy.title or found.policy.name
    if not found.known:
        return (say(PHRASES, "unknown", language, policy=name),)
    lines = [_step("" if number else name, step, language) for number, step in enumerate(found.steps)]
    if not lines:
        lines.append(say(PHRASES, "none", language, policy=name))
    if found.next is not None:
        lines.append(say(PHRASES, "next", language, at=percent(found.next.consumed, language, 0)))
    return tuple(lines)


def _step(policy: str, step: PolicyStep, language: Language) -> str:
    parts = list(step.do)
    if step.freeze:
        parts.append(say(PHRASES, "freeze", language))
        if step.override:
            parts.append(say(PHRASES, "override", language, who=", ".join(step.override)))
    if step.notify:
        parts.append(say(PHRASES, "notify", language, who=", ".join(step.notify)))
    said = {"at": percent(step.consumed, language, 0), "do": "; ".join(parts)}
    return say(PHRASES, "step", language, policy=policy, **said) if policy else say(PHRASES, "more", language, **said)
