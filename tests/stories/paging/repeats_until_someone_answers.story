schedule ana, bo, carla
repeat 10m
at 0m    alert ApiDown fires P1
at 0m    expect page ana because "opened"
at 5m    expect page bo because "not acknowledged in time"
at 15m   expect page carla because "not acknowledged in time"
at 25m   expect page ana because "another round"
at 30m   expect page bo because "not acknowledged in time"
at 40m   expect page carla because "not acknowledged in time"
at 50m   expect page ana because "another round"
at 51m   ana acknowledges
until 5h expect no page
