# For half an hour nothing ran. Then every step that was due is taken, in order; the round is not doubled.
schedule ana, bo, carla
at 0m    alert ApiDown fires P1
at 0m    expect page ana because "opened"
at 1m    workers stop
at 40m   workers start
at 40m   expect page bo because "not acknowledged in time"
at 40m   expect page carla because "not acknowledged in time"
at 55m   expect page ana because "another round"
at 56m   ana acknowledges
until 3h expect no page
