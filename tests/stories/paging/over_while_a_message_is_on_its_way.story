# It resolves before Slack takes the page. She may have it (an answer can get lost), so she hears that it is over.
schedule ana, bo, carla
at 0m    ana's slack is mute
at 0m    alert ApiDown fires P1
at 5s    alert ApiDown resolves
at 6s    ana's slack is fine
at 15s   expect closed ana
until 2h expect no page
