schedule ana, bo, carla
at 0m    alert ApiDown fires P1
at 0m    expect page ana because "opened"
at 2m    alert ApiDown resolves
at 2m    expect closed ana
at 3m    alert ApiDown fires P1
at 3m    expect page ana because "opened"
at 8m    expect page bo because "not acknowledged in time"
at 8m    bo acknowledges
until 2h expect no page
