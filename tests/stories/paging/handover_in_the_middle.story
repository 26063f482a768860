# The page opens on Monday at 08:58; at 09:00 the ring moves on. Steps mean whoever holds the role then.
schedule ana, bo, carla
begins 2026-03-09 08:58
at 0m    alert ApiDown fires P1
at 0m    expect page ana because "opened"
at 5m    expect page carla because "not acknowledged in time"
at 6m    carla acknowledges
until 2h expect no page
