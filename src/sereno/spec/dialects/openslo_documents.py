"""OpenSLO documents as they must be: names, what is required, what excludes what. The checks are those of its Go SDK.

What the SDK only refuses on second thought is a warning here, as its own examples do it: `op` beside a ratio, an
objective without `timeWindow`, `1m` for a calendar's month.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from sereno.spec import values
from sereno.spec.dialects.gathered import absent, number, text_of
from sereno.spec.fields import Fields, expect
from sereno.spec.reading import Reading, closest
from sereno.spec.source import Mapping, Node, Scalar, Sequence

KINDS = ("SLO", "SLI", "DataSource", "Service", "AlertPolicy", "AlertCondition", "AlertNotificationTarget")
ALPHA_KINDS = ("SLO", "Service")
OPERATORS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
DNS_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_LABEL_KEY = re.compile(r"[a-zA-Z0-9](?:[-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
_DOMAIN = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*"
_ANNOTATION_KEY = re.compile(rf"(?:(?=[^/]{{1,253}}/){_DOMAIN}/)?{_LABEL_KEY.pattern}")
_SHORTHAND = re.compile(r"([0-9]{1,6})([mhdwMQY])")
_DAYS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "M": timedelta(days=30),
    "Q": timedelta(days=90),
    "Y": timedelta(days=365),
}
_DESCRIPTION_MAX, _TITLE_MAX = 1050, 63


@dataclass(frozen=True, slots=True)
class Meta:
    """A document's `metadata`: its name, its title ("" for none), labels with all their values, annotations."""

    name: str
    title: str
    labels: dict[str, tuple[str, ...]]
    annotations: dict[str, str]

    @property
    def team(self) -> str:
        """Whom the labels name as owner."""
        return next((self.labels[key][0] for key in ("team", "owner") if self.labels.get(key)), "")


@dataclass(frozen=True, slots=True)
class Span:
    """A duration in OpenSLO's shorthand."""

    count: int
    unit: str

    @property
    def length(self) -> timedelta:
        """How long it is; a month has 30 days, a quarter 90, a year 365."""
        return self.count * _DAYS[self.unit]


class Doc(Fields):
    """A mapping of OpenSLO: an empty value is as good as none, as JSON's null is for the SDK."""

    def at(self, key: str) -> Node | None:
        """The value of `key`, unless it is missing or empty."""
        value = self.value(key)
        return None if absent(value) else value

    def need(self, key: str, what: str) -> Node | None:
        """The value of `key`, reported if there is none."""
        found = self.at(key)
        if found is None and isinstance(self.node, Mapping):
            self.reading.complain(
                "SER022", self.key(key) or self.node, f"{what} needs `{key}`", expected=f"a value for `{key}`"
            )
        return found

    def one(self, *keys: str, needed: bool = True) -> str | None:
        """The one of `keys` that has a value, reported if there are several, or (if `needed`) none."""
        there = [key for key in keys if self.at(key) is not None]
        if len(there) == 1 or not isinstance(self.node, Mapping):
            return there[0] if there else None
        choices = " or ".join(f"`{key}`" for key in keys)
        if there:
            there.sort(key=lambda key: place.start if (place := self.key(key)) else 0)
            self.reading.complain(
                "SER024", self.key(there[1]) or self.node, f"only one of {choices} can be given", expected=choices
            )
        elif needed:
            self.reading.complain("SER024", self.node, f"{choices} is needed", expected=f"exactly one of {choices}")
        return None


def kind_of(reading: Reading, node: Mapping) -> tuple[str, str] | None:
    """Version (`v1`, `v1alpha`) and kind of a document; reported if it is none of them."""
    written = node.get("apiVersion")
    assert isinstance(written, Scalar)
    version = written.value.removeprefix("openslo.com/").removeprefix("openslo/")
    if version == "v2alpha":
        reading.complain(
            "SER150",
            written,
            "OpenSLO v2alpha is a draft that still changes; it is not read",
            expected="openslo/v1",
            hint="write it as openslo/v1: `indicator` for `sli`, `service` for `serviceRef`",
        )
        return None
    if written.value not in ("openslo/v1", "openslo/v1alpha"):
        reading.complain(
            "SER150",
            written,
            f"`{written.value[:40]}` is no version of OpenSLO that is known",
            expected="openslo/v1 or openslo/v1alpha",
        )
        return None
    kinds = KINDS if version == "v1" else ALPHA_KINDS
    kind = node.get("kind")
    if isinstance(kind, Scalar) and kind.value in kinds:
        return version, kind.value
    if absent(kind):
        reading.complain("SER022", node, "an OpenSLO document needs `kind`", expected=f"one of {', '.join(kinds)}")
    else:
        assert kind is not None
        reading.complain(
            "SER150",
            kind,
            f"`{text_of(kind)[:40]}` is no kind of document in openslo/{version}",
            expected=f"one of {', '.join(kinds)}",
            hint=closest(text_of(kind), kinds),
        )
    return None


def document(reading: Reading, node: Node, what: str) -> Doc:
    """A whole document, its metadata and spec needed."""
    found = Doc(reading, node, what, optional=("apiVersion", "kind", "metadata", "spec"))
    found.need("metadata", what)
    return found


def metadata(reading: Reading, node: Node | None, *, alpha: bool = False) -> Meta:
    """The metadata of a document or of something inline; every mistake in it is reported."""
    if node is None:
        return Meta("", "", {}, {})
    more = () if alpha else ("labels", "annotations")
    doc = Doc(reading, node, "metadata", optional=("name", "displayName", *more))
    name = doc.need("name", "metadata")
    title = doc.at("displayName")
    if title is not None and len(text_of(title)) > _TITLE_MAX:
        too_long(reading, title, _TITLE_MAX)
    labels = _keys(reading, doc.at("labels"), _LABEL_KEY, "label") if not alpha else {}
    annotations = _keys(reading, doc.at("annotations"), _ANNOTATION_KEY, "annotation") if not alpha else {}
    return Meta(
        dns_label(reading, name) if name is not None else "",
        text_of(title).strip(),
        {key: _many(value) for key, value in labels.items()},
        {key: text_of(value) for key, value in annotations.items()},
    )


def dns_label(reading: Reading, node: Node) -> str:
    """A name or reference: lower-case letters, digits and dashes, at most 63."""
    written = text_of(node)
    if DNS_LABEL.fullmatch(written):
        return written
    near = re.sub(r"[^a-z0-9]+", "-", written.lower()).strip("-")[:63].rstrip("-")
    reading.complain(
        "SER152",
        node,
        f"`{written[:80]}` cannot be a name in OpenSLO" if written else "this is not a name",
        expected="lower-case letters, digits and dashes, at most 63, beginning and ending with a letter or digit",
        hint=f"write `{near}`; `displayName` may be anything" if near else None,
    )
    return ""


def description(reading: Reading, doc: Doc) -> str:
    """The document's description, "" without one."""
    node = doc.at("description")
    if node is None:
        return ""
    if not isinstance(node, Scalar):
        expect(reading, node, "text")
    elif len(node.value) > _DESCRIPTION_MAX:
        too_long(reading, node, _DESCRIPTION_MAX)
    return text_of(node).strip()


def too_long(reading: Reading, node: Node, most: int) -> None:
    """Report a text of more than `most` characters."""
    reading.complain("SER156", node, f"the text is {len(text_of(node))} characters long", expected=f"at most {most}")


def choice(reading: Reading, node: Node | None, choices: tuple[str, ...]) -> str:
    """One of `choices`, or "" after a report."""
    found = values.one_of(*choices)(reading, node) if node is not None else None
    return found if found in choices else ""


def span(reading: Reading, node: Node | None) -> Span | None:
    """A duration in the shorthand: a whole number with m, h, d, w, M, Q or Y."""
    if node is None:
        return None
    found = _SHORTHAND.fullmatch(text_of(node))
    if found is None or not int(found[1]):
        reading.complain(
            "SER154",
            node,
            f"`{text_of(node)[:40]}` is not a duration of OpenSLO",
            expected="a whole number with m (minutes), h, d, w, M (months), Q or Y: `30d`, `1M`",
        )
        return None
    return Span(int(found[1]), found[2])


def bounded(reading: Reading, node: Node | None, good: Callable[[Decimal], bool], expected: str) -> Decimal | None:
    """A number for which `good` holds; reported otherwise."""
    found = number(reading, node) if node is not None else None
    if found is None or good(found):
        return found
    assert node is not None
    reading.complain("SER155", node, f"{text_of(node)[:40]} is out of range", expected=expected)
    return None


def listed(reading: Reading, node: Node | None, what: str) -> tuple[Node, ...]:
    """The items of a list; nothing for no value."""
    if node is None:
        return ()
    if isinstance(node, Sequence):
        return node.items
    expect(reading, node, f"a list of {what}")
    return ()


def service(reading: Reading, node: Mapping, *, alpha: bool = False) -> tuple[Meta, str]:
    """A Service: its metadata and its description."""
    doc = document(reading, node, "a Service")
    meta = metadata(reading, doc.at("metadata"), alpha=alpha)
    spec = doc.at("spec")
    if spec is None:
        return meta, ""
    return meta, description(reading, Doc(reading, spec, "a Service's spec", optional=("description",)))


def data_source(reading: Reading, node: Mapping) -> tuple[Meta, str]:
    """A DataSource: its metadata and its type."""
    doc = document(reading, node, "a DataSource")
    meta = metadata(reading, doc.at("metadata"))
    spec = doc.need("spec", "a DataSource")
    if spec is None:
        return meta, ""
    inner = Doc(reading, spec, "a DataSource's spec", optional=("description", "type", "connectionDetails"))
    description(reading, inner)
    inner.need("connectionDetails", "a DataSource")
    return meta, text_of(inner.need("type", "a DataSource"))


def sli(reading: Reading, node: Mapping) -> tuple[Meta, Node | None]:
    """An SLI: its metadata, and its spec after every check."""
    doc = document(reading, node, "an SLI")
    spec = doc.need("spec", "an SLI")
    if spec is not None:
        sli_spec(reading, spec)
    return metadata(reading, doc.at("metadata")), spec


def sli_spec(reading: Reading, node: Node) -> str | None:
    """Check an indicator; what kind it is: `ratioMetric` or `thresholdMetric`."""
    doc = Doc(reading, node, "an indicator", optional=("description", "thresholdMetric", "ratioMetric"))
    description(reading, doc)
    kind = doc.one("thresholdMetric", "ratioMetric")
    if (threshold := doc.at("thresholdMetric")) is not None:
        metric(reading, threshold)
    if (ratio := doc.at("ratioMetric")) is not None:
        _ratio(reading, ratio)
    return kind


def _ratio(reading: Reading, node: Node) -> None:
    doc = Doc(reading, node, "a ratio", optional=("counter", "good", "bad", "total", "rawType", "raw"))
    doc.one("total", "raw")
    if doc.at("raw") is not None:
        for other in ("good", "bad"):
            if doc.at(other) is not None:
                reading.complain(
                    "SER157",
                    doc.key(other) or node,
                    f"`{other}` cannot stand beside `raw`",
                    expected="`raw` alone, or `total` with `good` or `bad`",
                )
        choice(reading, doc.need("rawType", "a raw ratio"), ("success", "failure"))
    elif doc.at("total") is not None and doc.at("good") is None and doc.at("bad") is None:
        reading.complain("SER024", node, "`good` or `bad` is needed", expected="exactly one of `good` or `bad`")
    elif doc.at("good") is not None and doc.at("bad") is not None:
        reading.complain(
            "SER024", doc.key("bad") or node, "only one of `good` or `bad` can be given", expected="`good` or `bad`"
        )
    if (counter := doc.at("counter")) is not None:
        values.flag(reading, counter)
    for key in ("total", "good", "bad", "raw"):
        if (found := doc.at(key)) is not None:
            metric(reading, found)


def metric(reading: Reading, node: Node) -> None:
    """Check one metric: its source, and what is asked of it."""
    doc = Doc(reading, node, "a metric", optional=("metricSource",))
    source = doc.need("metricSource", "a metric")
    if source is None:
        return
    inner = Doc(reading, source, "a metric's source", optional=("metricSourceRef", "type", "spec"))
    if (reference := inner.at("metricSourceRef")) is not None:
        dns_label(reading, reference)
    spec = inner.need("spec", "a metric's source")
    if spec is not None and not (isinstance(spec, Mapping) and spec.entries):
        reading.complain(
            "SER022", spec, "a metric's source needs a `spec` that says what is asked", expected="such as {query: …}"
        )


def _keys(reading: Reading, node: Node | None, pattern: re.Pattern[str], what: str) -> dict[str, Node]:
    if node is None:
        return {}
    if not isinstance(node, Mapping):
        expect(reading, node, f"a mapping of {what}s")
        return {}
    for key, value in node.entries:
        if not pattern.fullmatch(key.value):
            reading.complain(
                "SER164",
                key,
                f"`{key.value[:80]}` cannot be the name of {'an' if what[0] == 'a' else 'a'} {what}",
                expected="letters, digits, - _ and ., beginning and ending with a letter or "
                "digit, at most 63" + (", after a domain and / if need be" if what[0] == "a" else ""),
            )
        if what == "annotation" and not isinstance(value, Scalar):
            expect(reading, value, "text")
    return {key.value: value for key, value in node.entries}


def _many(node: Node) -> tuple[str, ...]:
    return tuple(scalar.value for scalar in values.scalars(node) if scalar.kind != "null")
