schedule ana, bo, carla
at 0m    alert ApiDown fires P1
at 0m    expect page ana because "opened"
at 5m    expect page bo because "not acknowledged in time"
at 6m    bo acknowledges
until 2h expect no page
