# Slack refuses Ana; her e-mail gets it at once, nobody else is disturbed.
schedule ana, bo, carla
contacts ana: slack, email
at 0m    ana's slack is dead
at 0m    alert ApiDown fires P1
at 0m    expect page ana because "opened" through email
at 4m    ana acknowledges
at 9m    alert ApiDown resolves
at 9m    expect closed ana
until 2h expect no page
