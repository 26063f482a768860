"""Templates in alerts' labels and annotations: Go's text/template with Prometheus's functions, within bounds.

Nothing here can hang, and expanding never raises: a page that looks odd beats a page that is not sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from sereno.kernel.errors import SerenoError
from sereno.kernel.template_format import show
from sereno.kernel.template_functions import ExecutionError, humanize_duration
from sereno.kernel.template_run import Regexes, TemplateContext, run
from sereno.kernel.template_tree import (
    Action,
    Branch,
    Chain,
    Dot,
    Function,
    Jump,
    Node,
    Operand,
    Pipeline,
    TemplateError,
    Text,
    Variable,
    read,
)

__all__ = [
    "Regexes",
    "TemplateContext",
    "TemplateError",
    "asks",
    "check",
    "expand",
    "humanize_duration",
    "show",
    "varies",
]

TEXT_MAX = 100_000
WHY_MAX = 2_000
_PLAIN = TemplateContext()


def expand(text: str, labels: Mapping[str, str], value: float, context: TemplateContext = _PLAIN) -> str:
    """`text` with its `{{ … }}` computed over `$labels`, `$value` and `context`; never raises.

    What cannot be computed gives `<error expanding template: …>` in place of the whole text, as Prometheus does.
    After prometheus 3, template/template.go, and Go's text/template.
    """
    if "{{" not in text:
        return text
    name = f"__alert_{context.name}"
    try:
        return run(_read(text), labels, value, context)
    except TemplateError as error:
        line = text.count("\n", 0, error.position) + 1
        why = f"error parsing template {name}: template: {name}:{line}: {error.message}"
    except ExecutionError as error:
        why = f"error executing template {name}: {error}"
    except SerenoError as error:
        why = f"error executing template {name}: {error.message}"
    except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError, MemoryError) as error:
        why = f"error executing template {name}: {type(error).__name__}"
    return f"<error expanding template: {why[:WHY_MAX]}>"


def check(text: str) -> None:
    """Accept a template. Raises TemplateError with the place of what is wrong."""
    if "{{" in text:
        _read(text)


def asks(text: str) -> bool:
    """Whether `text` looks at other series, with `query`."""
    return "{{" in text and any(isinstance(one, Function) and one.name == "query" for one in _operands(text))


def varies(text: str) -> bool:
    """Whether `text` may change from one evaluation to the next while its series stays the same."""
    return "{{" in text and any(_varies(one) for one in _operands(text))


def _varies(operand: Operand) -> bool:
    if isinstance(operand, Function):
        return operand.name in ("query", "now")
    if isinstance(operand, Dot):
        return not operand.fields or operand.fields[0] == "Value"
    if isinstance(operand, Variable):
        return operand.name == "$value" or (operand.name == "$" and operand.fields[:1] not in (("Labels",),))
    return False


def _read(text: str) -> tuple[Node, ...]:
    if len(text) > TEXT_MAX:
        raise TemplateError(f"the template is longer than {TEXT_MAX} characters", TEXT_MAX)
    found = _cached(text)
    if isinstance(found, TemplateError):
        raise found
    return found


@lru_cache(maxsize=2048)
def _cached(text: str) -> tuple[Node, ...] | TemplateError:
    try:
        return read(text)
    except TemplateError as error:
        return error
    except RecursionError:
        return TemplateError("the template is nested too deep")


def _operands(text: str) -> Sequence[Operand]:
    """Every operand of a template; none of one that cannot be read."""
    try:
        return tuple(_in_nodes(_read(text)))
    except TemplateError:
        return ()


def _in_nodes(nodes: Sequence[Node]) -> Iterator[Operand]:
    for node in nodes:
        if isinstance(node, Text | Jump):
            continue
        yield from _in_pipeline(node.pipeline)
        if isinstance(node, Branch):
            yield from _in_nodes(node.body)
            yield from _in_nodes(node.otherwise)
        else:
            assert isinstance(node, Action)


def _in_pipeline(pipeline: Pipeline) -> Iterator[Operand]:
    for command in pipeline.commands:
        for word in command.words:
            yield word
            if isinstance(word, Chain):
                yield from _in_pipeline(word.pipeline)
