"""Label sets: immutable, sorted, hashable, with Prometheus's fingerprint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3
_MASK = 0xFFFFFFFFFFFFFFFF


class Labels(Mapping[str, str]):
    """A label set. Labels with an empty value are dropped, as Prometheus has it."""

    __slots__ = ("_hash", "_index", "pairs")

    def __init__(self, source: Mapping[str, str] | Iterable[tuple[str, str]] = (), /, **more: str) -> None:
        items = dict(source)
        items.update(more)
        self.pairs: tuple[tuple[str, str], ...] = tuple(sorted((k, v) for k, v in items.items() if v != ""))
        self._index = dict(self.pairs)
        self._hash = hash(self.pairs)

    def __reduce__(self) -> tuple[type[Labels], tuple[tuple[tuple[str, str], ...]]]:
        # Texts have another hash in every process: what is remembered of it must not travel.
        return Labels, (self.pairs,)

    def __getitem__(self, name: str) -> str:
        return self._index[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self.pairs)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Labels):
            return self.pairs == other.pairs
        if isinstance(other, Mapping):
            return self._index == other
        return NotImplemented

    def __repr__(self) -> str:
        return "{" + ", ".join(f'{k}="{v}"' for k, v in self.pairs) + "}"

    def without(self, *names: str) -> Labels:
        """These labels less `names`."""
        return Labels((k, v) for k, v in self.pairs if k not in names)

    def only(self, *names: str) -> Labels:
        """Of these labels only `names`."""
        return Labels((k, v) for k, v in self.pairs if k in names)

    def with_(self, **more: str) -> Labels:
        """These labels with `more` set over them; an empty value removes."""
        return Labels({**self._index, **more})

    def merged(self, more: Mapping[str, str]) -> Labels:
        """These labels with `more` set over them; an empty value removes."""
        return Labels({**self._index, **more})

    @property
    def fingerprint(self) -> str:
        """Alertmanager's fingerprint: FNV-1a 64 over sorted `name 0xFF value 0xFF`, 16 hexadecimal digits."""
        total = _FNV_OFFSET
        for name, value in self.pairs:
            for byte in name.encode() + b"\xff" + value.encode() + b"\xff":
                total = ((total ^ byte) * _FNV_PRIME) & _MASK
        return f"{total:016x}"
