# Ana has no contact: nobody waits five minutes for her.
schedule ana, bo, carla
contacts ana: none
at 0m    alert ApiDown fires P1
at 0m    expect page bo because "nobody reachable"
at 10m   expect page carla because "not acknowledged in time"   # ten minutes after Bo, as the policy has it
at 11m   carla acknowledges
until 2h expect no page
