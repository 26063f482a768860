# P3 on Friday 17:20 in Lima. Nothing runs from 17:25 to 19:00; then people have gone home, and are left alone.
schedule ana, bo, carla
zone America/Lima
begins 2026-03-06 22:20
steps primary 0m, secondary 30m
at 0m        alert DiskFilling fires P3
at 0m        expect page ana because "opened"
at 5m        workers stop
at 1h40m     workers start
at 2d15h40m  expect page carla because "not acknowledged in time"
at 2d15h50m  carla acknowledges
until 4d expect no page
