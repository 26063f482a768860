# Bo is never disturbed; Ana hears that it is over.
schedule ana, bo, carla
at 0m    alert ApiDown fires P1
at 0m    alert ErrorRate fires P1
at 0m    expect page ana because "opened"
at 2m    alert ApiDown resolves
at 4m    alert ErrorRate resolves
at 4m    expect closed ana
at 5m    ana acknowledges but "already closed"
until 2h expect no page
