# When none of those tried at once arrives, the person's other contacts are tried, then the next step comes.
schedule ana, bo, carla
contacts ana: email, phone, sms
contacts bo: phone, sms
steps primary 0m via phone+sms, secondary 15m via phone+sms, backup 30m
at 0m    ana's phone is dead
at 0m    ana's sms is dead
at 0m    bo's phone is dead
at 0m    bo's sms is dead
at 0m    alert ApiDown fires P1
at 0m    expect page ana because "opened" through email
at 15m   expect page carla because "nobody reachable"
at 20m   alert ApiDown resolves
at 20m   expect closed ana
at 20m   expect closed carla
until 2h expect no page
