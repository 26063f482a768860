schedule ana, bo, carla
at 0m    alert ApiDown fires P1
at 0m    expect page ana because "opened"
at 4m    ana acknowledges
at 5m    bo acknowledges but "ana has already acknowledged"
at 9m    alert ApiDown resolves
at 9m    expect closed ana
until 2h expect no page
