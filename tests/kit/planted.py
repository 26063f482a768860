"""Secrets in every shape that programs carry them in, and texts that only look like secrets."""

from __future__ import annotations

import base64
import json
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote


class Planted(NamedTuple):
    """A value with a secret in it, and what must not be found afterwards."""

    name: str
    value: Any
    secrets: tuple[str, ...]
    key: str = "value"


def _joined(*parts: str) -> str:
    """Made of parts, so that scanners of repositories do not find what is not there."""
    return "".join(parts)


JWT = ".".join(
    base64.urlsafe_b64encode(part).rstrip(b"=").decode()
    for part in (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"ana","exp":1790000000}', b"signature-of-thirty-two-bytes!!!")
)
PEM = _joined(
    "-----BEGIN ", "RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAx7Zb\nq0v9kLmPq3s\n-----END ", "RSA PRIVATE KEY-----"
)
BASIC = base64.b64encode(b"ana:correct horse").decode()

SHAPED = {
    "card-plain": "4111111111111111",
    "card-spaces": "5555 5555 5555 4444",
    "card-dashes": "4012-8888-8888-1881",
    "card-amex": "378282246310005",
    "card-amex-spaces": "3782 822463 10005",
    "card-diners": "30569309025904",
    "card-discover": "6011111111111117",
    "card-jcb": "3530111333300000",
    "card-mastercard-2": "2223003122003222",
    "email": "ana.quispe+shop@example.com.pe",
    "email-short": "jo@x.io",
    "email-percent": "ana%40example.com",
    "jwt": JWT,
    "pem": PEM,
    "bearer": "Bearer a8f3Kd92LmQx71Zp",
    "basic": f"Basic {BASIC}",
    "aws": _joined("AK", "IAIOSFODNN7EXAMPLE"),
    "aws-session": _joined("AS", "IAY34FZKBOKMUTVV7A"),
    "google": _joined("AI", "zaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY"),
    "google-oauth": _joined("ya29", ".a0AfH6SMBx7-k2Lq_9PzW"),
    "stripe": _joined("sk_", "live_4eC39HqLyjWDarjtT1zdp7dc"),
    "stripe-test": _joined("rk_", "test_4eC39HqLyjWDarjt"),
    "stripe-hook": _joined("wh", "sec_8x7Kq2LmZp90aBcDeFgH"),
    "github": _joined("gh", "p_16C7e42F292c6912E7710c838347Ae178B4a"),
    "github-fine": _joined("github", "_pat_11ABCDEFG0aBcDeFgHiJkL_mNoPqRsTuVwXyZ"),
    "gitlab": _joined("gl", "pat-9xKq2LmZp90aBcDeFgH1"),
    "slack": _joined("xo", "xb-2048012345-1234567890-AbCdEfGhIjKl"),
    "slack-hook": _joined("https://hooks.slack", ".com/services/T00000000/B00000000/XXXXq7LmZpXXXXX"),
    "openai": _joined("sk", "-proj-9xKq2LmZp90aBcDeFgH1iJkL"),
    "sendgrid": _joined("SG", ".9xKq2LmZp90aBcDeFgH1iJ.kLmNoPqRsTuVwXyZ0123456789"),
    "npm": _joined("np", "m_9xKq2LmZp90aBcDeFgH1iJkLmNoPqRsTuVwX"),
    "mercadopago": _joined("APP", "_USR-7418529630123456-112233-9xkq2lmzp90abcdefgh1"),
    "telegram": _joined("123456789", ":AAHk9xKq2LmZp90aBcDeFgH1iJkLmNoPqRs"),
    "dsn-postgres": "postgresql://shop:s3cr3tpw@db.internal:5432/shop",
    "dsn-at": "postgres://shop:s3c@r3tpw@db/shop",
    "dsn-redis": "redis://:s3cr3tpw@cache:6379/0",
    "dsn-amqp": "amqps://guest:s3cr3tpw@mq/vhost",
    "dsn-mongo": "mongodb+srv://ana:s3cr3tpw@cluster0.mongodb.net/test",
    "iban": "ES9121000418450200051332",
    "iban-spaces": "GB82 WEST 1234 5698 7654 32",
    "clabe": "646180110400000007",
    "curp": "HEGG560427MVZRRL04",
    "rfc": "GODE561231GR8",
    "dni-es": "12345678Z",
    "nie": "X1234567L",
    "phone": "+51 987 654 321",
    "phone-plain": "+525512345678",
}
"""Secrets by their shape alone."""

_SECRET_PART = (
    {
        "bearer": "a8f3Kd92LmQx71Zp",
        "basic": BASIC,
        "pem": "q0v9kLmPq3s",
        "slack-hook": "XXXXq7LmZpXXXXX",
        "jwt": JWT.split(".")[2],
    }
    | {name: "s3cr3tpw" for name in SHAPED if name.startswith("dsn-")}
    | {"dsn-at": "r3tpw"}
)

NAMED = (
    "password", "db_password", "userPassword", "passwd", "new-password", "PASSWORD", "contraseña", "secret",
    "client_secret", "stripeSecretKey", "token", "access_token", "refreshToken", "id-token", "X-Auth-Token",
    "authorization", "Proxy-Authorization", "cookie", "Set-Cookie", "api_key", "apiKey", "X-API-Key", "apikey",
    "private_key", "AWS_SECRET_ACCESS_KEY", "cvv", "card_cvc", "cardNumber", "card.number", "tarjeta", "pin",
    "dni", "curp", "rfc", "ssn", "clabe", "iban", "session_id", "csrf_token", "otp", "credentials", "passphrase",
    "email", "telefono", "fecha_nacimiento", "account_number", "http.request.header.authorization", "signing_key",
)  # fmt: skip
VALUE = "Zx9-hunter2-Qq"


@dataclass
class Payment:
    """A value of the program."""

    order_id: int
    card_number: str
    note: str


class Customer:
    """Looks like a model of pydantic's kind."""

    model_fields: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class Opaque:
    """An object whose text tells too much."""

    def __repr__(self) -> str:
        return f"Opaque(password='{VALUE}', order=7)"


def by_shape() -> Iterator[Planted]:
    """Each shape in the places where shapes turn up."""
    for name, text in SHAPED.items():
        secrets = (_SECRET_PART.get(name, text),)
        one_line = text.replace("\n", "\\n")
        yield Planted(f"{name}/alone", text, secrets)
        yield Planted(f"{name}/prose", f"could not pay with {text}, giving up", secrets)
        yield Planted(f"{name}/nested", {"a": [{"b": ({"c": text},)}]}, secrets)
        yield Planted(f"{name}/bytes", f"<{text}>".encode(), secrets)
        yield Planted(f"{name}/json", json.dumps({"a": {"b": [text]}}), (*secrets, one_line))
        yield Planted(f"{name}/broken-json", '{"a": "' + one_line + '", "b": ', secrets)
        yield Planted(f"{name}/exception", ValueError(f"bad value: {text}"), secrets)
        yield Planted(f"{name}/key-of-dict", {text: 1}, secrets)
        yield Planted(f"{name}/set", {text}, secrets)
    for name in ("card-plain", "card-amex", "card-discover"):
        yield Planted(f"{name}/number", int(SHAPED[name]), (SHAPED[name],))
        yield Planted(f"{name}/number-in-list", [int(SHAPED[name])], (SHAPED[name],))


def by_name() -> Iterator[Planted]:
    """A value that looks like nothing under each name, in each notation."""
    for name in NAMED:
        q = quote(name)
        yield Planted(f"named-{name}/dict", {name: VALUE}, (VALUE,))
        yield Planted(f"named-{name}/key", VALUE, (VALUE,), name)
        yield Planted(f"named-{name}/nested", {"a": [{"b": {name: {"deep": [VALUE]}}}]}, (VALUE,))
        yield Planted(f"named-{name}/bytes", {name.encode(): VALUE.encode()}, (VALUE,))
        yield Planted(f"named-{name}/headers", [(name, VALUE), (b"accept", b"*/*")], (VALUE,))
        yield Planted(f"named-{name}/headers-bytes", [(name.encode(), VALUE.encode())], (VALUE,))
        yield Planted(f"named-{name}/name-value", [{"name": name, "value": VALUE}], (VALUE,))
        yield Planted(f"named-{name}/json", json.dumps({"a": [{name: VALUE}]}, ensure_ascii=False), (VALUE,))
        yield Planted(f"named-{name}/json-in-prose", f'got {{"{name}": "{VALUE}", "a": 1}} from the peer', (VALUE,))
        yield Planted(f"named-{name}/json-in-json", f'sent {{\\"{name}\\": \\"{VALUE}\\"}}', (VALUE,))
        yield Planted(f"named-{name}/repr", f"refused: {{'{name}': '{VALUE}', 'a': 1}}", (VALUE,))
        yield Planted(f"named-{name}/query", f"/login?{q}={VALUE}&next=/", (VALUE,))
        yield Planted(f"named-{name}/url", f"https://example.com/login?a=1&{q}={VALUE}#x", (VALUE,))
        yield Planted(f"named-{name}/form", f"user=ana&{q}={VALUE}", (VALUE,))
        for number, shape in enumerate(
            (
                {"a": [{"b": {name: {"deep": [VALUE]}}}]}, {name.encode(): VALUE.encode()}, [(name, VALUE), ("a", 1)],
                [(name.encode(), VALUE.encode())], [{"name": name, "value": VALUE}], {"x": json.dumps({name: VALUE})},
            )
        ):  # fmt: skip
            yield Planted(f"named-{name}/text-of-{number}", f"refused {shape}", (VALUE,))
        yield Planted(f"named-{name}/exception", KeyError({name: VALUE}), (VALUE,))
    for name in ("password", "db_password", "token", "client_secret", "AWS_SECRET_ACCESS_KEY", "cvv", "api_key"):
        yield Planted(f"named-{name}/environment", f"{name}={VALUE} HOME=/home/app", (VALUE,))
        yield Planted(f"named-{name}/export", f'export {name}="{VALUE} and more"', (VALUE, "and more"))
        yield Planted(f"named-{name}/yaml", f"database:\n  {name}: {VALUE}\n  host: db", (VALUE,))
        yield Planted(f"named-{name}/arguments", f"connect(host='db', {name}='{VALUE}', timeout=3)", (VALUE,))
        yield Planted(f"named-{name}/unclosed", f'{{"{name}": "{VALUE}', (VALUE,))
        yield Planted(f"named-{name}/quote-inside", json.dumps({name: f'a"{VALUE}'})[:-1], (VALUE,))
        yield Planted(f"named-{name}/option", f"run --{name.lower().replace('_', '-')} {VALUE} --verbose", (VALUE,))
        yield Planted(f"named-{name}/argv", ["run", f"--{name.lower().replace('_', '-')}", VALUE], (VALUE,))
        yield Planted(f"named-{name}/list", f'{{"{name}": ["{VALUE}", "other"]}}, rest', (VALUE,))


def odd() -> Iterator[Planted]:
    """Shapes of their own."""
    yield Planted(
        "card-after-numbers", "order 1234 4111 1111 1111 1111 and 7 4012888888881881", ("4111 1111", "40128888")
    )
    yield Planted("iban-among-words", "IBAN GB82 WEST 1234 5698 7654 32 PAID NOW", ("5698 7654",))
    yield Planted("dataclass", Payment(7, VALUE, "call +51 987 654 321"), (VALUE, "987 654"))
    yield Planted("model", Customer(id=7, password=VALUE, more={"dni": "44556677"}), (VALUE, "44556677"))
    yield Planted("opaque", Opaque(), (VALUE,))
    yield Planted("deque", deque([{"token": VALUE}]), (VALUE,))
    yield Planted("ordered", OrderedDict(token=VALUE), (VALUE,))
    yield Planted("odbc", f"Driver={{PG}};Server=db;Uid=shop;Pwd={VALUE};", (VALUE,))
    yield Planted("azure-storage", f"AccountName=shop;AccountKey={VALUE}==;EndpointSuffix=core", (VALUE,))
    yield Planted("libpq", f"host=db user=shop password='{VALUE} x' dbname=shop", (VALUE,))
    yield Planted("header-line", f"> Authorization: Custom {VALUE} more-{VALUE}\n> Accept: */*", (VALUE,))
    yield Planted("cookie-line", f"Cookie: theme=dark; sid={VALUE}; x=1", (VALUE,))
    yield Planted("curl", f"curl -H 'Authorization: Bearer {VALUE}' https://x", (VALUE,))
    yield Planted("sql-insert", f"INSERT INTO users (name, password) VALUES ('ana', '{VALUE}')", (VALUE,))
    yield Planted("sql-where", f"SELECT * FROM users WHERE name = 'o''hara {VALUE}' AND id = 7", (VALUE, "hara"))
    yield Planted("sql-update", f"update users set nick = '{VALUE}' where id = 9", (VALUE,))
    yield Planted("sql-dollar", f"SELECT $tag${VALUE}$tag$ FROM users", (VALUE,))
    yield Planted("sql-number", "SELECT * FROM people WHERE document = 44556677", ("44556677",))
    yield Planted("sql-key", f"SELECT f('{VALUE}')", (VALUE,), "db.query.text")
    yield Planted(
        "sqlalchemy",
        f"(psycopg.errors.UniqueViolation) duplicate key\n[SQL: INSERT INTO users (name) VALUES (%(name)s)]\n"
        f"[parameters: {{'name': '{VALUE}', 'age': 3}}]",
        (VALUE,),
    )
    yield Planted("sqlalchemy-tuple", f"[SQL: INSERT INTO u VALUES (?)]\n[parameters: ('{VALUE}', 3)]", (VALUE,))
    yield Planted("postgres-row", f"DETAIL:  Failing row contains (7, ana, {VALUE}, null).", (VALUE,))
    yield Planted("postgres-key", f"DETAIL:  Key (email)=({VALUE}) already exists.", (VALUE,))
    yield Planted("said-password", f"the password is {VALUE}", (VALUE,))
    yield Planted("said-dni", "cliente con DNI 44556677 no encontrado", ("44556677",))
    yield Planted("said-ruc", "RUC: 10445566778", ("10445566778",))
    yield Planted("fragment", f"https://app/cb#access_token={VALUE}&state=1", (VALUE,), "url")
    yield Planted("oauth", f"https://app/cb?code={VALUE}&state=1", (VALUE,), "url.full")
    yield Planted("reset-path", "https://app/password-reset/9f8c2a7be41d4c0aa1", ("9f8c2a7be41d4c0aa1",), "url.full")
    yield Planted("url-in-query", f"https://a/?next=https%3A%2F%2Fb%2F%3Ftoken%3D{VALUE}", (VALUE,), "url.full")
    yield Planted("double-json", json.dumps({"body": json.dumps({"password": VALUE})}), (VALUE,))
    yield Planted("triple-json", json.dumps({"b": json.dumps({"c": json.dumps({"password": VALUE})})}), (VALUE,))
    yield Planted("user-key", "https://a8f3Kd92LmQx71Zp@sentry.example/7", ("a8f3Kd92LmQx71Zp",))
    yield Planted("long", "x" * 16_380 + " 4111111111111111 password=" + VALUE, ("41111111", VALUE))
    yield Planted("long-json", json.dumps({"pad": "x" * 30_000, "password": VALUE}), (VALUE,))
    yield Planted("cause", _with_cause(), (VALUE,))
    yield Planted("basic-in-list", ["Authorization", f"Basic {BASIC}"], (BASIC,))
    yield Planted("memoryview", memoryview(f"password={VALUE}".encode()), (VALUE,))
    yield Planted("surrogate", f"\ud800 password={VALUE}", (VALUE,))
    yield Planted("nul", f"a\x00b password={VALUE}\x00", (VALUE,))
    yield Planted("deep", _deep(40), (VALUE,))
    yield Planted("cycle", _cycle(), (VALUE,))


def _with_cause() -> Exception:
    try:
        try:
            raise ValueError(f"token={VALUE}")
        except ValueError as error:
            raise RuntimeError("could not pay") from error
    except RuntimeError as error:
        error.add_note(f"password={VALUE}")
        return error


def _deep(depth: int) -> Any:
    value: Any = VALUE
    for _ in range(depth):
        value = {"a": value}
    return value


def _cycle() -> Any:
    value: dict[str, Any] = {"token": VALUE}
    value["self"] = value
    return value


def everything() -> list[Planted]:
    """All of them."""
    return [*by_shape(), *by_name(), *odd()]


INNOCENTS: tuple[tuple[str, Any], ...] = tuple(
    (key, value)
    for key, values in {
        "message": [
            "order created", "payment declined by issuer", "token expired", "invalid token: signature expired",
            "password: must be at least 8 characters", "password reset e-mail sent", "bearer token missing",
            "basic functionality works", "the secret of good tea is time", "token: expired", "cookie: not set",
            "Please select an item from the list", "user clicked 'delete from cart'", "update available for order 7",
            "card declined: insufficient_funds", "digest mismatch for layer 3", "password is required",
            "retry 3 of 5 in 0.25 s", "GET /orders/42 took 12.5 ms", "took 00:00:12.345", "ratio 0.4111111111111111",
            "listening on http://0.0.0.0:8000", "connected to redis at cache:6379", "Started server process [12345]",
            "Application startup complete.", "connection to db.internal:5432 lost", "cache hit ratio: 0.93",
            "el pedido 12345 fue entregado", "se envió el correo de bienvenida", "3 items, total: 1,234.50 PEN",
            "key error: 'sku'", "no row with id=42", "unexpected keyword argument 'timeout'", "a=1 b=2 c=3",
            "status=paid method=card currency=PEN", "deploy v1.2.3 (abc1234) to prod", "2 + 2 = 4",
            "see https://docs.example.com/errors#timeouts", "see https://medium.com/@ana/why-slos-4f2a",
            "image registry.example.com/shop@sha256:9f86d081884c7d65", "git@github.com:acme/shop.git",
            "pip install package==1.2.3", "@decorated function ran", "meet at 10:30 @ room 4", "100% done",
            "Traceback (most recent call last)", "range 1000-2000", "pages 12-15", "temperature -4.5 C", "1e-09",
            "percentile p99=250ms p50=12ms", "sha 9f86d081884c7d659a2feaa0c55ad015", "isbn 978-3-16-148410-0",
            "tracking 1Z999AA10123456784", "flight AR1303 at gate B12", "mac 00:1b:44:11:3a:b7", "ip 192.168.10.42",
            "ipv6 2001:db8::8a2e:370:7334", "user agent Mozilla/5.0 (X11; Linux x86_64)", "route /orders/{order_id}",
        ],
        "order_id": [
            "ORD-2026-000123", "ORD240115A1B", "100200300400", "A-4711", "0193a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b",
            "12345678", "20261121033859123", 20261121033859, 4711, 1234567890123,
        ],
        "amount": ["1234.50", "12345678901234.56", 250000, 99.99, "S/ 1,250.00", "MXN 200000"],
        "at": [
            "2026-11-21T03:38:01.123Z", "2026-11-21", "1795232281", 1795232281123, 1795232281123456, 1795232281123456789,
            "Sat Nov 21 03:38:01 UTC 2026",
        ],
        "trace_id": ["4bf92f3577b34da6a3ce929d0e0e4736", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
        "span_id": ["00f067aa0ba902b7", "1111222233334444"],
        "sku": ["SKU-0042-XL", "7501031311309", "AB-123456-C", "GTIN 04006381333931"],
        "path": ["/orders/12345678/items/9", "/api/v1/users/42", "/static/app.9f86d081.js", "/health/ready"],
        "tokens": [512, 0], "max_tokens": [4096], "token_count": [12], "token_type": ["bearer"],
        "password_changed_at": ["2026-01-01"], "card_brand": ["visa"], "card_last4": ["4242"], "card_type": ["credit"],
        "secretary": ["Ana"], "tokenizer": ["bpe"], "cardinality": [2000], "discard": ["yes"], "author": ["Ana"],
        "authorized": [True], "password": [None, True, ""], "pinned": ["v2"], "spinner": ["on"], "company": ["ACME"],
        "http.route": ["/orders/{order_id}"], "error.type": ["httpx.ConnectTimeout"], "key": ["orders:42:total"],
        "version": ["1.2.3+build.4567890123", "2026.11.21"], "clave_producto": ["01010101"], "passed": [12],
        "duration": [0.012345678901234567], "ratio": ["0.4111111111111111"], "coordinates": ["-12.046374, -77.042793"],
        "ids": [["a-1", "b-2"], [101, 102, 103]], "hash": ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c"],
        "query": ["page=2&sort=-created_at"], "url.full": ["https://shop.example/orders/42?page=2&q=red+shoes#top"],
        "snowflake": ["175928847299117063", 175928847299117063], "etag": ['W/"33a64df551425fcc55e4d42a148795d9"'],
        "header": ["text/html; charset=utf-8", "max-age=3600, public", "gzip, deflate, br"],
    }.items()
    for value in values
)  # fmt: skip
