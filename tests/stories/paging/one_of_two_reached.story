# A step for two people: as long as one of them has been told, the next step waits.
schedule ana, bo, carla
steps primary+secondary 0m, backup 5m
at 0m    ana's slack is dead
at 0m    alert ApiDown fires P1
at 0m    expect page bo because "opened"
at 5m    expect page carla because "not acknowledged in time"
at 6m    carla acknowledges
until 2h expect no page
