# P3 on Friday 17:30 in Lima (22:30 UTC). The first step is taken; the second would be at 18:00, when people
# have gone home: it comes on Monday at nine, and the third ten minutes later, as the policy has it.
schedule ana, bo, carla
zone America/Lima
begins 2026-03-06 22:30
steps primary 0m, secondary 30m, backup 40m
at 0m       alert DiskFilling fires P3
at 0m       expect page ana because "opened"
at 2d15h30m expect page carla because "not acknowledged in time"   # hand-over Monday 09:00: carla is secondary now
at 2d15h40m expect page ana because "not acknowledged in time"     # and ana is backup
at 2d15h50m ana acknowledges
until 4d expect no page
