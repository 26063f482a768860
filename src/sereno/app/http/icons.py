"""Icons as inline SVG: drawn here, hidden from screen readers because a word always stands beside them."""

from __future__ import annotations

from markupsafe import Markup

_PATHS = {
    "check": '<path d="m5 12.5 4.5 4.5L19 7.5"/>',
    "warn": '<path d="M12 4.2 2.9 19.5h18.2z"/><path d="M12 10v4.2M12 16.9v.1"/>',
    "bad": '<path d="M8.2 3h7.6L21 8.2v7.6L15.8 21H8.2L3 15.8V8.2z"/><path d="M12 7.8v5M12 16v.1"/>',
    "unknown": '<circle cx="12" cy="12" r="8.5" stroke-dasharray="3.4 3.3"/>'
    '<path d="M9.8 9.9a2.3 2.3 0 1 1 3.2 2.2c-.7.3-1 .8-1 1.6M12 16.4v.1"/>',
    "quiet": '<circle cx="12" cy="12" r="8.5"/><path d="M8.5 12h7"/>',
    "info": '<circle cx="12" cy="12" r="8.5"/><path d="M12 11v5M12 7.9v.1"/>',
    "clock": '<circle cx="12" cy="12" r="8.5"/><path d="M12 7.2V12l3.2 2"/>',
    "person": '<circle cx="12" cy="8.4" r="3.7"/><path d="M4.8 20c.7-4 3.6-6 7.2-6s6.5 2 7.2 6"/>',
    "page": '<path d="M6 10a6 6 0 0 1 12 0c0 5 2 6.2 2 6.2H4S6 15 6 10z"/><path d="M10 19.5a2.2 2.2 0 0 0 4 0"/>',
    "incident": '<path d="M12 3c.7 3.6 4.9 5.2 4.9 10a4.9 4.9 0 0 1-9.8 0c0-1.8.8-3 1.7-4 '
    '.2 1.3.8 2 1.5 2.3C10 8.3 11.1 5.6 12 3z"/>',
    "service": '<rect x="3.5" y="4" width="17" height="6.2" rx="1.5"/>'
    '<rect x="3.5" y="13.8" width="17" height="6.2" rx="1.5"/><path d="M7 7.1h.1M7 16.9h.1"/>',
    "alert": '<path d="M3 12h4l2.5-6.5 4.5 13 2.5-6.5h4.5"/>',
    "explore": '<path d="M4 4v16h16"/><path d="m7.5 14.5 3.5-4 3 2.5 5-6.5"/>',
    "oncall": '<path d="M4 13v-1a8 8 0 0 1 16 0v1"/><rect x="3" y="13" width="4" height="6" rx="1.5"/>'
    '<rect x="17" y="13" width="4" height="6" rx="1.5"/>',
    "settings": '<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>',
    "now": '<circle cx="12" cy="12" r="3.5"/><path d="M12 2.5v3M12 18.5v3M2.5 12h3M18.5 12h3"/>',
    "out": '<path d="M14 4H6.5A1.5 1.5 0 0 0 5 5.5v13A1.5 1.5 0 0 0 6.5 20H14M10 12h10m-3.5-3.5L20 12l-3.5 3.5"/>',
    "arrow": '<path d="M5 12h13m-5-5 5 5-5 5"/>',
    "link": '<path d="M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1'
    'M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7l1-1"/>',
    "flags": '<rect x="3" y="7" width="18" height="10" rx="5"/><circle cx="16" cy="12" r="2.6"/>',
    "kits": '<path d="M2.5 16h3.9M17.6 16h3.9M9.1 14.8l6.1-7"/>'
    '<circle cx="8" cy="16" r="1.6"/><circle cx="16" cy="16" r="1.6"/>',
    "status": '<path d="M4 20V10M9.3 20V4M14.6 20v-8M20 20V7"/>',
}  # fmt: skip

LANTERN = Markup(
    '<svg class="lantern" viewBox="0 0 32 40" width="32" height="40" aria-hidden="true" focusable="false">'
    '<path class="lantern-glow" d="M16 10c4 4 6 6.8 6 10.5a6 6 0 0 1-12 0C10 16.8 12 14 16 10z"/>'
    '<g class="lantern-frame"><path d="M11.5 6.5a4.5 4.5 0 0 1 9 0"/>'
    '<path d="M9 10.5 12 6.5h8l3 4z"/><path d="M9.5 10.5 7 31h18l-2.5-20.5"/>'
    '<path d="M6 31h20v4H6z"/><path d="M16 10.5v2.5M12.5 31v-2M19.5 31v-2"/></g>'
    '<path class="lantern-flame" d="M16 15.5c2.4 2.8 3.6 4.5 3.6 6.7a3.6 3.6 0 0 1-7.2 0c0-2.2 1.2-3.9 3.6-6.7z"/>'
    "</svg>"
)


def icon(name: str) -> Markup:
    """The icon of that name, 1.1 em high in the colour of its text. Raises KeyError for an unknown one."""
    return Markup(  # noqa: S704
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">' + _PATHS[name] + "</svg>"
    )
