"""The arithmetic of `rules`, said again in Lua, so that Redis decides in one round trip and by its own clock.

Redis keeps what is owed and since when, not an instant: its clock is a wall clock, and a wall clock that is set back
must not refuse everybody until it catches up. Each script answers whether it was taken, the seconds to wait, those to
the whole quota, and what remains.
"""

from __future__ import annotations

from hashlib import sha1
from typing import NamedTuple

from sereno_kit.limits.rules import Rule, SlidingWindow, TokenBucket

_BUCKET = """
local rate, burst, cost, patience = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local kept = redis.call('HMGET', KEYS[1], 'owed', 'at')
local owed, at = tonumber(kept[1]) or 0, tonumber(kept[2]) or now
owed = math.max(0, owed - math.max(0, now - at) / 1000000 * rate)
local wait = (owed + cost - burst) / rate
if wait <= 0.000001 / rate then wait = 0 end
local taken = wait <= patience and cost <= burst
if taken then owed = math.max(0, owed + cost) end
if taken or now < at then
    redis.call('HSET', KEYS[1], 'owed', string.format('%.17g', owed), 'at', string.format('%.0f', now))
    redis.call('PEXPIRE', KEYS[1], math.ceil(owed / rate * 1000) + 1000)
end
if cost > burst then wait = -1 end
return {taken and 1 or 0, string.format('%.17g', wait), string.format('%.17g', owed / rate),
        string.format('%.0f', math.max(0, math.floor(burst - owed + 0.000001)))}
"""

_WINDOW = """
local limit, window, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local at = (time[1] + time[2] / 1000000) / window
local number = math.floor(at)
local kept = redis.call('HMGET', KEYS[1], 'window', 'current', 'previous')
local last, current, previous = tonumber(kept[1]) or number, tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
if number > last + 1 then current, previous = 0, 0
elseif number > last then current, previous = 0, current
elseif number < last then current, previous = math.max(current, previous), 0 end
local over, room, wait = at - number, limit - cost, 0
local taken = previous * (1 - over) + current <= room + 0.000001
if taken then current = math.max(0, current + cost)
elseif room < 0 then wait = -1
elseif current <= room then wait = (1 - (room - current) / previous - over) * window
else wait = (2 - over - room / current) * window end
if taken or number < last then
    redis.call('HSET', KEYS[1], 'window', string.format('%.0f', number), 'current', current, 'previous', previous)
    redis.call('PEXPIRE', KEYS[1], math.ceil(window * 2000) + 1000)
end
local reset = current > 0 and 2 - over or previous > 0 and 1 - over or 0
return {taken and 1 or 0, string.format('%.17g', wait), string.format('%.17g', reset * window),
        string.format('%.0f', math.max(0, math.floor(limit - previous * (1 - over) - current + 0.000001)))}
"""


class Script(NamedTuple):
    """A rule as Redis runs it."""

    text: str
    sha: str
    arguments: tuple[float, float]


def script_of(rule: Rule) -> Script:
    """The script that decides `rule`, and the two numbers that it is told besides cost and patience."""
    if isinstance(rule, TokenBucket):
        return _script(_BUCKET, rule.rate, rule.burst)
    if isinstance(rule, SlidingWindow):
        return _script(_WINDOW, rule.limit, rule.window)
    raise TypeError(f"Redis is not taught {type(rule).__name__}")


def _script(text: str, one: float, other: float) -> Script:
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest(), (one, other))
