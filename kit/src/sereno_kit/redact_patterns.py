"""What secrets look like inside of texts. Patterns are possessive, bounded or tried once a run, so none is slow."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote_plus

from sereno_kit.redact_checks import is_basic, is_card, is_clabe, is_curp, is_iban, is_mixed, is_rfc, is_spanish_id

Judge = Callable[[str], bool]


class Shape(NamedTuple):
    """One kind of secret: tried only where one of `hints` is in the text; `true` says how much of a find is one."""

    name: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    true: Callable[[str], int] | None = None


_KEYS = r"""  # of providers, by their prefixes
    (?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}
  | AIza[\w-]{30,} | ya29\.[\w-]{10,} | GOCSPX-[\w-]{16,}
  | (?:sk|rk|pk)_(?:live|test|prod)_[A-Za-z0-9]{8,} | whsec_[A-Za-z0-9+/=]{12,}
  | gh[pousr]_[A-Za-z0-9]{20,} | github_pat_\w{20,} | glpat-[\w-]{16,}
  | xox[a-z]-[\w-]{8,} | xapp-[\w-]{10,} | sk-[A-Za-z0-9][\w-]{18,} | sk-ant-[\w-]{8,}
  | SG\.[\w-]{16,}\.[\w-]{16,} | npm_[A-Za-z0-9]{30,} | pypi-[\w-]{20,} | do[opr]_v1_[a-f0-9]{32,}
  | shp(?:at|ca|pa|ss)_[a-fA-F0-9]{24,} | APP_USR-[\w-]{16,} | hf_[A-Za-z0-9]{24,} | hv[sb]\.[\w-]{20,}
  | sq0[a-z]{3}-[\w-]{20,} | dapi[a-f0-9]{32} | key-[a-f0-9]{32} | sntr[yu]s_[\w+/=]{20,}
  | AGE-SECRET-KEY-1[A-Z0-9]{50,}
"""
_KEY_HINTS = (
    "AKIA", "ASIA", "ABIA", "ACCA", "AIza", "ya29.", "GOCSPX-", "_live_", "_test_", "_prod_", "whsec_", "ghp_", "gho_",
    "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "xapp-", "sk-", "SG.", "npm_", "pypi-", "_v1_", "shpat_",
    "shpca_", "shppa_", "shpss_", "APP_USR-", "hf_", "hvs.", "hvb.", "sq0", "dapi", "key-", "sntr", "AGE-SECRET",
)  # fmt: skip
_BEFORE, _AFTER = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"

SHAPES = (
    Shape(
        "pem",
        ("-----BEGIN",),
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----(?s:.*?)(?:-----END[A-Z0-9 ]{0,50}-----|\Z)"
        ),
    ),
    Shape("jwt", ("eyJ",), re.compile(r"(?<![\w-])eyJ[\w-]{6,}+(?:\.[\w=-]*+){1,4}")),
    Shape("key", _KEY_HINTS, re.compile(rf"(?<![A-Za-z0-9])(?:{_KEYS})", re.VERBOSE)),
    Shape("bot", (":AA",), re.compile(r"(?<!\d)\d{8,10}:AA[\w-]{32,}")),
    Shape(
        "hook",
        ("hooks.slack.com", "webhook"),
        re.compile(r"(?<=hooks\.slack\.com/)(?:services|workflows)/[\w/-]{8,}|(?<=/webhooks/)\d{5,}/[\w-]{20,}"),
    ),
    Shape(
        "email",
        ("@", "%40"),
        re.compile(r"(?<![\w.%+-])(?!git@)[\w.%+-]+(?:@|%40)(?:[^\W_][\w-]*+\.)+[^\W\d_]{2,}"),
    ),
)
"""Told by their marks."""

_SEPARATOR = r"[ .\-\u00a0]|%20|\+"
_LONG = (
    Shape(
        "card",
        (),
        re.compile(
            rf"(?<![\w.])(?:\d{{13,19}}|\d{{4}}({_SEPARATOR})\d{{4}}\1\d{{4}}\1\d{{1,7}}"
            rf"|\d{{4}}({_SEPARATOR})\d{{6}}\2\d{{4,5}})(?!\w|\.\d)"
        ),
        is_card,
    ),
    Shape("clabe", (), re.compile(r"(?<![\w.])(?:\d{18}|\d{3}[ -]\d{3}[ -]\d{11}[ -]\d)(?!\w|\.\d)"), is_clabe),
)
_CODED = (
    Shape(
        "iban", (), re.compile(r"[A-Z](?<![A-Za-z0-9].)[A-Z]\d\d(?:[ -]?[A-Z0-9]{1,4}){3,8}(?![A-Za-z0-9])"), is_iban
    ),
    Shape(
        "curp",
        (),
        re.compile(
            r"[A-Za-z](?<![A-Za-z0-9].)[AEIOUXaeioux][A-Za-z]{2}\d{6}[HMXhmx][A-Za-z]{5}[A-Za-z0-9]\d(?![A-Za-z0-9])"
        ),
        is_curp,
    ),
    Shape("rfc", (), re.compile(r"[A-ZÑ](?<!\w.)[AEIOUX][A-ZÑ]{2}\d{6}[A-Z0-9]{2}[A0-9](?!\w)"), is_rfc),
    Shape(
        "dni",
        (),
        re.compile(r"[XYZ\d](?<![\w-].)\d{7}(?:(?<=\d{8})|(?<=[XYZ]\d{7}))[A-HJ-NP-TV-Z](?![\w-])"),
        is_spanish_id,
    ),
)
_PHONE = Shape("phone", (), re.compile(r"\+[1-9](?<![\w.+]..)\d{0,2}(?:[ .-]?\(?\d{1,4}\)?){2,6}(?!\w|[.,]\d)"))
_LONG_GATE = re.compile(rf"\d{{13}}|\d{{3,4}}(?:{_SEPARATOR})\d{{3,6}}(?:{_SEPARATOR})\d{{4}}")
_CODED_GATE = re.compile(r"[A-Za-z]\d\d(?:[ -]?[A-Z0-9]{4}|\d{4}[A-Za-z])|\d{7}[A-Z]")
"""Told by their digits, and tried only where there are such."""

HAS_MARK = re.compile(r"[\d=:@%]")
_RUN = re.compile(r"[\w=+.-]{16}")

_PROSE_WORDS = """
    a an and any are at be been but by can cannot changed could did does empty enabled disabled error es esta está
    expired expiró expirado failed field fields for format from generated given had has have header in incorrect
    incorrecta incorrecto inválida inválido invalid invalida invalido is issued it may mismatch missing must need needs
    never new no none not null obligatorio obligatoria of off ok old on or expires refresh refreshed rejected required
    requerida requerido reset revoked rotated sent set should signature string the this to too true false type
    undefined unknown unset updated valid verified was were will with without wrong your accepted declined passed
    """
_PROSE = frozenset(_PROSE_WORDS.split())
_SCHEMES = re.compile(
    r"(?i)(?<![\w-])(bearer|basic|digest|token|apikey|negotiate|aws4-hmac-sha256)[ \t]{1,3}([\w.~+/=-]{8,})"
)
_USERINFO = re.compile(r"(?i)(?<=://)([^\s/?#:@\"'<>]{0,256})(:(?!\d{1,5}[/?#])[^\s\"'<>]{0,512})?@(?=[\w\[%.-])")
_PLAIN_USER = re.compile(r"[A-Za-z_]{1,16}")
_OPTION = re.compile(r"(?<!\S)(--?[A-Za-z][\w-]{2,40}[ \t]{1,3})([^\s-][^\s]*)")
_NAME = re.compile(
    r"""
    (?P<name>(?<!\w)(?P<marks>\\{0,8})["']?[A-Za-zÀ-ÿ_](?:[\w.\-\[\]%]|\\{1,8}(?:x[0-9a-f]{2}|u[0-9a-f]{4})){1,80}+)
    (?P<sep>(?P=marks)["']?\s{0,3}(?:=>|:=|[=:])\s{0,3}|\)=\()
    """,
    re.VERBOSE,
)
_VALUE = re.compile(
    r"""
    (?:[bru]{1,2}(?=["']))?
    (?:
        (?P<slashes>\\{1,8})"(?:(?!(?<!\\)(?P=slashes)").)*+(?:(?P=slashes)"|\Z)
      | "(?:[^"\\]|\\.)*+(?:"|\Z)
      | '(?:[^'\\]|\\.|'')*+(?:'|\Z)
      | [\[{(]
      | (?:[^\s&;,"'<>\[\](){}|\\]|,(?![\s\w.-]{0,40}[=:])(?=\S))++
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_PART = re.compile(r"""[\[({]|[\])}]|"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+'""", re.DOTALL)
_COUPLE = re.compile(
    r"""(?<=[(\[])(?P<open>[bru]?["'](?P<name>(?:[\w.\-]|\\{1,8}(?:x[0-9a-f]{2}|u[0-9a-f]{4})){2,80}+)["']\s{0,2},\s{0,2}[bru]?)(?P<value>"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+')(?=[)\]])"""
)
_OPTION_IN_LIST = re.compile(
    r"""(?P<open>["'](?P<name>--?[\w-]{3,60}+)["']\s{0,2},\s{0,2})(?P<value>"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+')"""
)
_NAMED_VALUE = re.compile(
    r"""
    (?P<open>["'](?i:name|key|header)\\{0,8}["']\s{0,2}:\s{0,2}\\{0,8}["'](?P<name>[\w.\- ]{2,80}+)
    \\{0,8}["']\s{0,2},\s{0,2}\\{0,8}["'](?i:values?)\\{0,8}["']\s{0,2}:\s{0,2})
    (?P<value>\\{1,8}"[^"]*+"|"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+')
    """,
    re.VERBOSE,
)
_PART_OF_FORM = re.compile(
    r"""
    (?P<open>;\s?name="(?P<name>[\w.\-\[\]]{2,80})"[^\r\n\\]{0,200}(?:(?:\r?\n|\\r\\n)[\w-]{1,40}:[^\r\n\\]{0,200}){0,4}
    (?:\r?\n|\\r\\n){2})
    (?P<value>[^\r\n\\]+)
    """,
    re.VERBOSE,
)
_INPUT_IN_REPR = re.compile(
    r"""(?P<open>["']loc["']:\s?[(\[](?P<name>[^()\[\]\n]{1,200})[)\]][^{}\n]{0,400}?["']input["']:\s?)(?P<value>"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+')"""
)
_INPUT = re.compile(
    r"(?m)^(?P<name>\S{1,200}+)(?P<open>\n  [^\n]{0,400}?input_value=)(?P<value>[^\n]{1,400}?)(?=, input_type=|$)"
)
"""As pydantic writes its errors: the place on one line, what was given there on the next."""
_ELEMENT = re.compile(
    r"(?P<open><(?P<name>[\w:.-]{2,80}+)(?:\s[^<>]{0,300}+)?>)(?P<value><!\[CDATA\[(?:[^\]]|\](?!\]>)){0,1024}+\]\]>|[^<]{1,4096}+)(?=</)"
)
_LINE_NAMES = re.compile(
    r"(?i)(?<![\w-])((?:proxy-)?authorization|(?:set-)?cookie)([\"']?\s{0,3}[:=]\s{0,3}+)(?![bru]{1,2}[\"'])([^\r\n\"'\\{}\[\]]++)"
)
_SAID = re.compile(
    r"(?i)(?<!\w)(password|passphrase|contraseña|contrasena|dni|nie|curp|rfc|cvv|cvc|ssn|clabe|pin|nip|ruc|token|secret)"
    r"((?:\s{1,3}(?:is|was|es|era|no\.?|nº|n°|number|número|numero))?[\s:#=]{1,4})([\w.@$!%*?&+/=-]{3,}+)"
)
_ROW = re.compile(r"(?i)(failing row contains |\[parameters: |parameters: )(?=[\[({$])([^\r\n]*)")


def shapes(text: str, mask: str) -> str:
    """`text` with everything masked that has the shape of a secret."""
    long = _RUN.search(text) is not None
    for shape in SHAPES if long else SHAPES[-2:]:
        for hint in shape.hints:
            if hint in text:
                text = shape.pattern.sub(mask, text)
                break
    return text


def numbers(text: str, mask: str) -> str:
    """`text` with numbers masked that belong to cards, accounts and people."""
    if _LONG_GATE.search(text):
        text = _masked(text, _LONG, mask)
    if _CODED_GATE.search(text):
        text = _masked(text, _CODED, mask)
    return _masked(text, (_PHONE,), mask) if "+" in text else text


def _masked(text: str, kinds: tuple[Shape, ...], mask: str) -> str:
    for _, _, pattern, true in kinds:
        shown: list[str] = []
        done = at = 0
        while found := pattern.search(text, at):
            size = len(found[0]) if true is None else true(found[0])
            if size:
                shown += (text[done : found.start()], mask)
                done = at = found.start() + size
            else:
                at = found.start() + 1  # What begins inside of it may be true: the next group of digits.
        text = "".join((*shown, text[done:])) if shown else text
    return text


def user_information(text: str, mask: str) -> str:
    """URLs and connection strings in `text` without their passwords, and without users that are keys."""

    def masked(found: re.Match[str]) -> str:
        user, password = found[1], found[2]
        plain = not user or _PLAIN_USER.fullmatch(user) is not None
        return f"{user if plain else mask}{f':{mask}' if password else ''}@"

    return _USERINFO.sub(masked, text)


def schemes(text: str, mask: str) -> str:
    """`Bearer …`, `Basic …` and their like, without what follows, unless that is a word of prose."""

    def masked(found: re.Match[str]) -> str:
        scheme, value = found[1], found[2]
        secret = is_basic(value) if scheme.lower() == "basic" else is_mixed(value)
        return f"{scheme} {mask}" if secret else found[0]

    return _SCHEMES.sub(masked, text)


def pairs(text: str, secret: Judge, mask: str) -> str:
    """`name=value`, `"name": "value"` and their like, without the values of secret names."""
    if "uthorization" in text or "ookie" in text or "COOKIE" in text or "AUTHORIZATION" in text:
        text = _LINE_NAMES.sub(lambda m: m[0] if _says_nothing(m[3], m[2], mask) else f"{m[1]}{m[2]}{mask}", text)
    shown: list[str] = []
    done = at = 0
    while found := _NAME.search(text, at):
        at = found.end()
        name = found["name"]
        value = _VALUE.match(text, at) if secret(unquote_plus(name) if "%" in name else name) else None
        if value and not _says_nothing(value[0], found["sep"], mask):
            shown += (text[done:at], _in_its_marks(value[0], mask))
            done = at = value.end() if value[0] not in ("[", "{", "(") else _end_of_group(text, at)
    return "".join((*shown, text[done:])) if shown else text


def couples(text: str, secret: Judge, mask: str) -> str:
    """`('password', 'x')` and `{'name': 'password', 'value': 'x'}`, as lists of headers are written."""

    def masked(found: re.Match[str]) -> str:
        if not secret(found["name"]):
            return found[0]
        return f"{found['open']}{_in_its_marks(found['value'], mask)}"

    for shape in (_COUPLE, _OPTION_IN_LIST, _NAMED_VALUE):
        text = shape.sub(masked, text)
    if "loc" in text:
        text = _INPUT_IN_REPR.sub(masked, text)
    return _PART_OF_FORM.sub(masked, text) if "name=" in text else text


def elements(text: str, secret: Judge, mask: str) -> str:
    """`<password>…</password>`, and what pydantic's errors say was given for a secret."""

    def masked(found: re.Match[str]) -> str:
        if not secret(found["name"]) or not found["value"].strip():
            return found[0]
        name = found["name"] if found.re is _INPUT else ""
        return f"{name}{found['open']}{mask}"

    return _INPUT.sub(masked, _ELEMENT.sub(masked, text))


def _end_of_group(text: str, at: int) -> int:
    """Where the bracket that opens at `at` is closed; the end of the text, if nowhere."""
    depth = 0
    for part in _PART.finditer(text, at):
        if part[0] in "[({":
            depth += 1
        elif part[0] in "])}":
            depth -= 1
            if depth == 0:
                return part.end()
    return len(text)


def _in_its_marks(value: str, mask: str) -> str:
    marks = value[: len(value) - len(value.lstrip("\\"))]
    quote = value[len(marks)] if value[len(marks) :][:1] in ('"', "'") else ""
    return f"{marks}{quote}{mask}{marks}{quote}"


def _says_nothing(value: str, separator: str, mask: str) -> bool:
    """Whether the value is masked already, stands for none, or is prose that goes on after a colon."""
    bare = value.strip("\"'\\ ")
    if (
        not bare
        or bare.startswith((mask, mask.rstrip("]")))
        or bare in ("?", "%s", "null", "None", "true", "false", "True", "False")
    ):
        return True
    spaced = separator[-1:].isspace()
    return spaced and "=" not in separator and bare.partition(" ")[0].lower().rstrip(".,;") in _PROSE


def phrases(text: str, secret: Judge, mask: str) -> str:
    """What people write without marks: `Bearer …`, `--password …`, `DNI 12345678`, `password is …`."""
    if "--" in text:
        text = _OPTION.sub(lambda m: f"{m[1]}{mask}" if secret(m[1].strip(" -\t")) else m[0], text)
    return said(schemes(text, mask), mask)


def said(text: str, mask: str) -> str:
    """`DNI 12345678`, `password is hunter2`: what follows the word, unless it is prose."""

    def masked(found: re.Match[str]) -> str:
        word, value = found[3], found[3].rstrip(".,;")
        numeric = found[1].lower() not in ("password", "passphrase", "contraseña", "contrasena", "token", "secret")
        told = any(c.isdigit() for c in word) if numeric or found[2].isspace() else value.lower() not in _PROSE
        return f"{found[1]}{found[2]}{mask}" if told and len(value) > 2 else found[0]

    return _SAID.sub(masked, text)


def rows(text: str, mask: str) -> str:
    """What databases tell of the row that failed, without the row."""
    return _ROW.sub(lambda m: f"{m[1]}{mask}", text)
