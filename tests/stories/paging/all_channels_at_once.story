# By phone, short text and push at once; one that does not arrive asks for nothing while another did.
schedule ana, bo, carla
contacts ana: email, phone, sms, push
contacts bo: slack
steps primary 0m via phone+sms+push, secondary+carla 15m via phone+sms, backup 30m
at 0m    ana's sms is dead
at 0m    alert ApiDown fires P1
at 0m    expect page ana because "opened" through phone
at 0m    expect page ana because "opened" through push
at 15m   expect page bo because "not acknowledged in time" through slack
at 15m   expect page carla because "not acknowledged in time" through slack
at 16m   bo acknowledges
at 20m   alert ApiDown resolves
at 20m   expect closed ana
at 20m   expect closed bo
at 20m   expect closed carla
until 2h expect no page
