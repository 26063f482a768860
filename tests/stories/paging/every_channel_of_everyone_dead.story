# The mail server is down for everybody: no storm, and the next round finds it repaired.
schedule ana, bo, carla
at 0m    ana's slack is dead
at 0m    bo's slack is dead
at 0m    carla's slack is dead
at 0m    alert ApiDown fires P1
at 14m   ana's slack is fine
at 15m   expect page ana because "another round"
at 16m   ana acknowledges
until 2h expect no page
