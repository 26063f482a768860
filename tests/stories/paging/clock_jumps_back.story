# The wall clock is put back ten minutes: the page comes later by as much, and is not lost.
schedule ana, bo, carla
at 0m    alert ApiDown fires P1
at 0m    expect page ana because "opened"
at 1m    clock jumps -10m
at 15m   expect page bo because "not acknowledged in time"
at 16m   bo acknowledges
until 3h expect no page
