# An empty ring: the page stays open, and is tried again as soon as there may be somebody.
schedule ,
at 0m    alert ApiDown fires P1
until 2h expect no page
