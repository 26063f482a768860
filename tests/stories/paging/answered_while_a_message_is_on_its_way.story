# Slack does not take Ana's page; she sees it in the console and answers. It must not reach her afterwards.
schedule ana, bo, carla
at 0m    ana's slack is mute
at 0m    alert ApiDown fires P1
at 5s    ana acknowledges
at 6s    ana's slack is fine
until 2h expect no page
