# Nobody declared it. Better a page too many than one lost.
schedule ana, bo, carla
at 0m    alert Odd fires urgentissimo
at 0m    expect page ana because "opened"
at 1m    ana acknowledges
until 2h expect no page
