# More alerts of the same service and severity disturb nobody: someone is at it.
schedule ana, bo, carla
at 0m    alert ApiDown fires P1
at 0m    expect page ana because "opened"
at 1m    ana acknowledges
at 2m    alert ErrorRate fires P1
at 3m    alert Latency fires P1
until 2h expect no page
