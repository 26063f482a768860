# P3 on Saturday: nobody is woken, the page is not lost.
schedule ana, bo, carla
zone America/Lima
begins 2026-03-07 08:00
at 0m       alert DiskFilling fires P3
at 2d6h     expect page bo because "opened"        # Monday 09:00 in Lima is 14:00 UTC; bo is primary from then on
at 2d6h4m   bo acknowledges
until 4d expect no page
