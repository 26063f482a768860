# Nothing of Ana's works: Bo is paged at once.
schedule ana, bo, carla
contacts ana: slack, email
at 0m    ana's slack is dead
at 0m    ana's email is dead
at 0m    alert ApiDown fires P1
at 0m    expect page bo because "nobody reachable"
at 10m   expect page carla because "not acknowledged in time"
at 12m   bo acknowledges
until 2h expect no page
