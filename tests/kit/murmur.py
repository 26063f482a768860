"""MurmurHash3 x86 32 with seed 0, from its published description, for comparing."""

_MASK = 0xFFFFFFFF


def _turned(value: int, by: int) -> int:
    return (value << by | value >> (32 - by)) & _MASK


def _mixed(word: int) -> int:
    return _turned(word * 0xCC9E2D51 & _MASK, 15) * 0x1B873593 & _MASK


def murmur3(data: bytes) -> int:
    state, whole = 0, len(data) // 4 * 4
    for start in range(0, whole, 4):
        state ^= _mixed(int.from_bytes(data[start : start + 4], "little"))
        state = (_turned(state, 13) * 5 + 0xE6546B64) & _MASK
    if data[whole:]:
        state ^= _mixed(int.from_bytes(data[whole:], "little"))
    state ^= len(data)
    state = (state ^ state >> 16) * 0x85EBCA6B & _MASK
    state = (state ^ state >> 13) * 0xC2B2AE35 & _MASK
    return state ^ state >> 16
