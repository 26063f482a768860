schedule ana, bo, carla
at 0m    alert ApiDown fires P1
at 0m    expect page ana because "opened"
at 1m    alert ErrorRate fires P1
at 2m    alert ApiDown resolves
at 3m    alert ApiDown fires P1
at 4m    ana acknowledges
at 5m    alert ErrorRate resolves
until 1h expect no page
at 1h    alert ApiDown resolves
at 1h    expect closed ana
until 2h expect no page
