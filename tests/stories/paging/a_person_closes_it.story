schedule ana, bo, carla
at 0m    alert ApiDown fires P1
at 0m    expect page ana because "opened"
at 3m    bo closes
at 3m    expect closed ana
at 4m    bo closes but "already closed"
until 2h expect no page
