# Each has its page: answering the small one does not silence the big one.
schedule ana, bo, carla
at 0m    alert Slow fires P2
at 0m    expect page ana because "opened"
at 1m    ana acknowledges
at 2m    alert ApiDown fires P1
at 2m    expect page ana because "opened"
at 7m    expect page bo because "not acknowledged in time"
at 7m    bo acknowledges
until 2h expect no page
