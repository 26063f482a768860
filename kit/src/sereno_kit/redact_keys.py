"""Which names hold secrets: judged word by word, however the name is spelled."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import pairwise

_WORDS = re.compile(r"[A-ZÁÉÍÓÚÑ]+(?![a-záéíóúñ])|[A-ZÁÉÍÓÚÑ]?[a-záéíóúñ]+|\d+")
_NAMES_KEPT = 4096
_NAME_LENGTH_MAX = 128


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


SECRET_WORDS = _set(
    """
    password passwords passwd passwort pwd passphrase passcode contraseña contrasena contrasenia
    secret secrets token authorization cookie cookies jwt bearer credential credentials cvv cvc cvv2 cvc2 csc
    apikey privatekey otp totp csrf xsrf
    """
)
"""Words that make a name secret wherever they stand in it: `db_password_old`, `X-Auth-Token`."""

SECRET_ENDINGS = _set(
    """
    card pan pin nip tarjeta dni nie curp rfc clabe iban ssn cci ruc cuit cuil cpf rut cedula passport pasaporte
    email mail correo phone telephone mobile cellphone telefono teléfono celular movil móvil whatsapp
    signature sig hmac auth session sessionid phpsessid jsessionid dob birthdate nonce salt
    dsn creditcard cardnumber signingkey encryptionkey accesskey secretkey tokens
    """
)
"""Words that make a name secret where they end it: `gift_card` is, `card_brand` is not."""

SECRET_PAIRS = _set(
    """
    api-key access-key secret-key private-key encryption-key signing-key account-key shared-key master-key ssh-key
    session-id session-key session-token card-number credit-card debit-card numero-tarjeta account-number bank-account
    numero-cuenta birth-date date-birth fecha-nacimiento phone-number numero-telefono email-address
    document-number numero-documento security-code codigo-seguridad connection-string database-url auth-header
    pass-word cc-number tax-id national-id recovery-code recovery-codes backup-codes webhook-url
    """
)
"""Neighbouring words that make a name secret: `stripeApiKey`, `card.number`, `date_of_birth`."""

WHOLE_NAMES = frozenset({"clave", "pass", "pw", "authentication", "auth", "nss", "passwds", "pswd"})
"""Names that are secret only alone: `clave_producto` is the number of a product."""

HARMLESS_ENDINGS = _set(
    """
    count counts type types length len size at expires expiry expired expiration ttl age enabled required valid
    present name names brand last4 policy version status limit max min total used usage method kind scheme provider
    issuer algorithm alg strength attempts attempt error errors reason hint url uri endpoint path
    consent changed reset rotation rotated id ids hash field label format prefix domain network country
    """
)
"""Endings that tell about a secret, not the secret: `token_count`, `password_changed_at`, `cookie_name`."""

_NEVER_HARMLESS = frozenset({"hash", "id", "ids", "url", "uri", "hint"})
_GLUED = re.compile("password|passwd|apikey|secretkey|contrase")
_FILLERS = frozenset({"of", "de", "del", "la", "the", "x", "http", "https"})


def words_of(name: str) -> list[str]:
    """The words of a name, in lower case: of `cardNumber`, `card-number` and `CARD_NUMBER` the same two."""
    return [word.lower() for word in _WORDS.findall(name)]


def is_secret_name(name: str) -> bool:
    """Whether what stands under `name` is a secret or tells who somebody is, by its words alone."""
    words = [word for word in words_of(name[:_NAME_LENGTH_MAX]) if word not in _FILLERS]
    while len(words) > 1 and words[-1].isdigit():
        words.pop()  # `email_2` is another e-mail address.
    if not words:
        return False
    if len(words) == 1 and words[0] in WHOLE_NAMES:
        return True
    last = words[-1]
    certain = not SECRET_WORDS.isdisjoint(words) or _GLUED.search(name.lower()) is not None
    if len(words) > 1 and last in HARMLESS_ENDINGS:
        paired = f"{words[-2]}-{last}" in SECRET_PAIRS
        return paired or (certain and last in _NEVER_HARMLESS)
    if certain or last in SECRET_ENDINGS:
        return True
    return any(f"{one}-{other}" in SECRET_PAIRS for one, other in pairwise(words))


def compact(name: str) -> str:
    """A name without its marks and case, by which people's own lists of names are compared."""
    return "".join(c for c in name.lower() if c.isalnum())


def judge(more: Iterable[str], allowed: Iterable[str]) -> Callable[[str], bool]:
    """A judgement of names that remembers what it said, for a bounded number of names.

    Args:
        more: names that are secret too, in any spelling.
        allowed: names that are not, whatever their words.
    """
    secret, free = frozenset(map(compact, more)), frozenset(map(compact, allowed))
    known: dict[str, bool] = {}

    def decide(name: str) -> bool:
        whole = compact(name[:_NAME_LENGTH_MAX])
        if whole in free:
            return False
        return whole in secret or is_secret_name(name)

    def judged(name: str) -> bool:
        answer = known.get(name)
        if answer is None:
            answer = decide(name)
            if len(name) <= _NAME_LENGTH_MAX:
                if len(known) >= _NAMES_KEPT:
                    known.clear()
                known[name] = answer
        return answer

    return judged


def stems() -> re.Pattern[str]:
    """Finds, in lower case, texts in which some secret name may stand: each such name has one of its stems."""
    pairs = [pair.split("-") for pair in SECRET_PAIRS]
    schemes = {"basic", "digest", "negotiate", "aws4", "contrase"}
    stems = {*schemes, *SECRET_WORDS, *SECRET_ENDINGS, *WHOLE_NAMES, *(max(pair, key=_rare) for pair in pairs)}
    return re.compile(_branches({stem for stem in stems if not any(other in stem for other in stems - {stem})}))


def _rare(word: str) -> int:
    return -1 if word in ("number", "date", "connection", "database", "account", "code", "numero") else len(word)


def _branches(words: set[str]) -> str:
    """A pattern of the words that looks at each character once."""
    by_first: dict[str, set[str]] = {}
    for word in words:
        if not word:
            return ""
        by_first.setdefault(word[0], set()).add(word[1:])
    parts = [f"{re.escape(first)}{_branches(rest)}" for first, rest in sorted(by_first.items())]
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"
