# Slack does not answer: three attempts, then the next contact.
schedule ana, bo, carla
contacts ana: slack, email
at 0m    ana's slack is mute
at 0m    alert ApiDown fires P1
at 20s   expect page ana through email
at 4m    ana acknowledges
until 2h expect no page
