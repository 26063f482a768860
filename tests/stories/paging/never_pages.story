schedule ana, bo, carla
at 0m    alert Chatty fires P4
until 1d expect no page
