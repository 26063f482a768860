"""The script by which Fluent Bit redacts: it has no regular expressions that replace, but Lua."""

from __future__ import annotations

import re

from sereno.compiler.redaction import LONG_KEY
from sereno.spec.model_delivery import Redaction


def script(redaction: Redaction) -> str:
    """The script; its function `redact` is the filter's. A line that it cannot redact is dropped."""
    long: list[str] = []
    short: list[str] = []
    for key in sorted(set(redaction.keys)):
        (long if len(key) >= LONG_KEY else short).append(re.sub("[-_.]", "", key.lower()))
    kinds = ", ".join(f"{kind} = true" for kind in redaction.kinds)
    return (
        "-- Written by `sereno build` from the declared spec. Change the spec: changes here are lost.\n"
        f"local KINDS = {{{kinds}}}\n"
        f"local LONG = {_table(long)}\n"
        f"local SHORT = {_table(short)}\n"
        f"{_BODY}"
    )


def _table(words: list[str]) -> str:
    return "{" + ", ".join(f'"{word}"' for word in dict.fromkeys(words)) + "}"


_BODY = r"""
local GONE = "[redacted]"
local NAME = "([%w_%.%-]+)"

local function any_case(word)
  return (word:gsub("%a", function(c) return "[" .. c:upper() .. c:lower() .. "]" end))
end

local function long_enough(least, mark)
  return function(found) if #found >= least then return mark end end
end

-- Whether a name is, or ends in, one of the keys. Short keys must stand after a separator: card-pin, not shipping.
local function is_key(name)
  local lower = name:lower()
  local plain = lower:gsub("[-_.]", "")
  for _, key in ipairs(LONG) do
    if plain:sub(-#key) == key then return true end
  end
  local last = lower:match("[^-_.]*$")
  for _, key in ipairs(SHORT) do
    if plain == key or last == key then return true end
  end
  return false
end

local PREFIXES = {"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xoxa-", "xoxb-", "xoxe-", "xoxp-",
  "xoxr-", "xoxs-", "sk_live_", "rk_live_", "sk-", "AIza"}

local function tokens(line)
  for _, word in ipairs({"bearer", "basic", "digest", "negotiate"}) do
    line = line:gsub("%f[%w]" .. any_case(word) .. "[ \t]+([%w%._~%+/=%[%]%-]+)", long_enough(6, "[token]"))
  end
  line = line:gsub("%f[%w]eyJ[%w_%[%]%-]+%.[%w_%[%]%-]+[%w_%.%[%]%-]*", "[token]")
  line = line:gsub("%f[%w](A[KS]IA[%u%d]+)", long_enough(16, "[token]"))
  for _, prefix in ipairs(PREFIXES) do
    line = line:gsub("%f[%w](" .. prefix:gsub("%-", "%%-") .. "[%w_%[%]%-]+)", long_enough(#prefix + 10, "[token]"))
  end
  return line
end

-- The last place of a card's number that begins at `from`: 13 to 19 digits, single separators, a boundary after them.
local function card_end(line, from)
  local digits, at, last = 0, from, nil
  while digits < 19 do
    local char = line:sub(at, at)
    if char:match("[ %-]") then at = at + 1; char = line:sub(at, at) end
    if not char:match("%d") then break end
    digits = digits + 1
    if digits >= 13 and not line:sub(at + 1, at + 1):match("[%w_]") then last = at end
    at = at + 1
  end
  return last
end

local function cards(line)
  local out, at = {}, 1
  while true do
    local from = line:find("%f[%w_][3-6]", at)
    if not from then break end
    local last = card_end(line, from)
    out[#out + 1] = line:sub(at, from - 1) .. (last and "[card]" or line:sub(from, from))
    at = (last or from) + 1
  end
  return table.concat(out) .. line:sub(at)
end

local function national_ids(line)
  local function gone(pattern) line = line:gsub("%f[%w]" .. pattern .. "%f[%W]", "[id]") end
  gone("%d%d%d%-%d%d%-%d%d%d%d")
  gone("%d%d%d%.%d%d%d%.%d%d%d%-%d%d")
  gone("%d%d?%.%d%d%d%.%d%d%d%-[%dKk]")
  for _, begin in ipairs({"10", "15", "16", "17", "20"}) do gone(begin .. ("%d"):rep(9)) end
  gone(("%u"):rep(4) .. ("%d"):rep(6) .. "[HMX]" .. ("%u"):rep(5) .. "[%u%d]%d")
  for _, word in ipairs({"dni", "nif", "nie", "cuit", "cuil", "rut", "ruc", "cpf", "curp", "ssn"}) do
    line = line:gsub("%f[%w]" .. any_case(word) .. "(%W+)(%w[%w%.%-]+)", function(between, value)
      if #between <= 8 and #value >= 6 and #value <= 18 then return "[id]" end
    end)
  end
  return line
end

-- Where the value that begins at `from` ends: a text, something in brackets, or a bare word.
local function value_end(line, from, quote, stop)
  local _, last = line:find("^" .. quote, from)
  if last then
    local at = last + 1
    while at <= #line do
      local char = line:sub(at, at)
      if char == "\\" and quote == '"' then at = at + 1 elseif char == '"' then return at end
      at = at + 1
    end
    return #line
  end
  local char = line:sub(from, from)
  if char == "{" then _, last = line:find("^%b{}", from) end
  if char == "[" then _, last = line:find("^%b[]", from) end
  if not last then _, last = line:find("^" .. stop, from) end
  return last
end

local function keyed(line, pattern, quote, stop, mark)
  local out, at = {}, 1
  while true do
    local from, last, name = line:find(pattern, at)
    if not from then break end
    local value = is_key(name) and value_end(line, last + 1, quote, stop)
    out[#out + 1] = line:sub(at, last) .. (value and mark or "")
    at = (value or last) + 1
  end
  return table.concat(out) .. line:sub(at)
end

local function key_texts(line)
  local out, at = {}, 1
  while true do
    local from, last, name = line:find("%f[%w_%.%-]" .. NAME .. "[ \t]*[=:][ \t]*", at)
    if not from then break end
    local value
    if is_key(name) then
      local start = last + 1
      for _, word in ipairs({"bearer", "basic", "digest"}) do
        local _, after = line:find("^" .. any_case(word) .. "[ \t]+", start)
        if after then start = after + 1 end
      end
      for _, shape in ipairs({'^"[^"]*"', "^'[^']*'", "^[^ \t,;&\"']+"}) do
        if not value then _, value = line:find(shape, start) end
      end
    end
    out[#out + 1] = line:sub(at, last) .. (value and GONE or "")
    at = (value or last) + 1
  end
  return table.concat(out) .. line:sub(at)
end

function clean(line)
  local colon = "[ \t]*:[ \t]*"
  line = keyed(line, '%f[\\]\\+"' .. NAME .. '\\+"' .. colon, '\\+"', '[^ \t,}%]"\\]+', GONE)
  line = keyed(line, '"' .. NAME .. '"' .. colon, '"', '[^ \t,}%]"]+', '"' .. GONE .. '"')
  line = key_texts(line)
  if KINDS.card then line = cards(line) end
  if KINDS.token then line = tokens(line) end
  if KINDS.url_password then line = line:gsub('(://[^/ \t:@"]*:)[^/ \t@"]+@', "%1" .. GONE .. "@") end
  if KINDS.email then line = line:gsub("%f[%w%._%%%+%-][%w%._%%%+%-]+@[%w%-]+%.[%w%.%-]+", "[email]") end
  if KINDS.national_id then line = national_ids(line) end
  return line
end

local function clean_all(value)
  if type(value) == "string" then return clean(value) end
  if type(value) == "table" then
    for key, inner in pairs(value) do
      if type(key) == "string" and is_key(key) then value[key] = GONE else value[key] = clean_all(inner) end
    end
  end
  return value
end

function redact(tag, timestamp, record)
  local done, cleaned = pcall(clean_all, record)
  if not done then return -1, timestamp, record end
  return 2, timestamp, cleaned
end
"""
