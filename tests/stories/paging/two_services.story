schedule ana, bo, carla
at 0m    alert ApiDown fires P1
at 0m    expect page ana because "opened"
at 1m    ana acknowledges
at 2m    alert ApiDown fires P1 of search
at 2m    expect page ana because "opened"
at 3m    ana acknowledges
until 2h expect no page
