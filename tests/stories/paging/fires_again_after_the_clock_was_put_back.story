# By the clock, the second firing is older than the first. It is a new one all the same.
schedule ana, bo, carla
at 0m    alert ApiDown fires P1
at 0m    expect page ana because "opened"
at 1m    ana acknowledges
at 2m    alert ApiDown resolves
at 2m    expect closed ana
at 3m    clock jumps -1h
at 4m    alert ApiDown fires P1
at 4m    expect page ana because "opened"
at 5m    alert ApiDown resolves
at 5m    expect closed ana
until 3h expect no page
