# The wall clock jumps an hour ahead: the steps come early rather than never.
schedule ana, bo, carla
at 0m    alert ApiDown fires P1
at 0m    expect page ana because "opened"
at 1m    clock jumps 1h
at 1m    expect page bo because "not acknowledged in time"
at 1m    expect page carla because "not acknowledged in time"
at 16m   expect page ana because "another round"
at 16m   ana acknowledges
until 3h expect no page
