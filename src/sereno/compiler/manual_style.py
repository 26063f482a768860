"""How written pages look: one column of text, tables that scroll by themselves, both schemes, and paper."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--paper:#fbfaf7;--ink:#1d2127;--soft:#565d68;--line:#d9d6cd;--wash:#f1efe8;--link:#0b5394;
--serif:ui-serif,Georgia,Cambria,"Times New Roman",serif;--mono:ui-monospace,"SF Mono",Menlo,Consolas,monospace}
@media(prefers-color-scheme:dark){:root{--paper:#12151a;--ink:#e4e6ea;--soft:#a3abb8;--line:#323945;--wash:#1a1f27;
--link:#8ab8f0}}
*{box-sizing:border-box}html{scroll-padding-top:1rem;-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:76rem;padding:clamp(1rem,4vw,3rem) clamp(1rem,4vw,2.5rem) 5rem;background:var(--paper);
color:var(--ink);font:1rem/1.6 ui-sans-serif,system-ui,sans-serif;overflow-wrap:break-word}
h1{font:400 clamp(1.9rem,5vw,2.9rem)/1.15 var(--serif);letter-spacing:-.015em;margin:.5rem 0 1rem;text-wrap:balance}
h2{font:400 1.65rem/1.25 var(--serif);margin:3.5rem 0 .75rem;padding-top:1.25rem;border-top:1px solid var(--line)}
h3{font-size:1.2rem;line-height:1.35;margin:2.5rem 0 .4rem}h4{font-size:1rem;line-height:1.4;margin:1.75rem 0 .3rem}
h5,h6{font-size:.95rem;margin:1.25rem 0 .25rem}
p,ul,ol,blockquote{max-width:44rem}p{margin:.5rem 0}.lead{font:400 1.2rem/1.5 var(--serif);color:var(--soft)}
a{color:var(--link);text-underline-offset:.15em;text-decoration-thickness:.06em}a:hover{text-decoration-thickness:.14em}
:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:2px}
nav ol{columns:15rem;padding-left:1.8rem;margin:1rem 0 0}nav li{break-inside:avoid;padding:.15rem 0}
li{margin:.2rem 0}
dl{display:grid;grid-template-columns:minmax(7rem,11rem) minmax(0,1fr);gap:.3rem 1.25rem;margin:.6rem 0 1.25rem}
dt{color:var(--soft)}dd{margin:0;max-width:50rem}
.wide{overflow-x:auto;margin:.6rem 0 1.5rem}
table{border-collapse:collapse;font-size:.9rem;line-height:1.45;font-variant-numeric:tabular-nums;min-width:60%}
caption{text-align:start;color:var(--soft);padding:.2rem 0 .5rem}
th,td{padding:.45rem 1.1rem .45rem 0;text-align:start;vertical-align:top;border-bottom:1px solid var(--line);
white-space:nowrap}
th.long,td.long{white-space:normal;min-width:12rem}
thead th{color:var(--soft);font-weight:500;font-size:.82rem;vertical-align:bottom}tbody th{font-weight:600}
code{font:.88em/1.5 var(--mono);background:var(--wash);padding:.08em .3em;border-radius:3px;overflow-wrap:anywhere;
white-space:break-spaces}
pre{background:var(--wash);border:1px solid var(--line);border-radius:6px;padding:.8rem 1rem;overflow-x:auto}
pre code{background:none;padding:0;white-space:pre;overflow-wrap:normal}
blockquote{margin:1rem 0;padding:.1rem 0 .1rem 1rem;border-left:3px solid var(--line);color:var(--soft)}
hr{border:0;border-top:1px solid var(--line);margin:2rem 0}
@media(max-width:34rem){dl{grid-template-columns:minmax(0,1fr);gap:0}dd{margin-bottom:.6rem}dt{font-size:.85rem}
h2{margin-top:2.5rem}}
@media print{:root{color-scheme:light;--paper:#fff;--ink:#000;--soft:#444;--line:#bbb;--wash:#f4f4f4;--link:#000}
body{max-width:none;padding:0;font-size:10pt}h1,h2,h3,h4{break-after:avoid}tr,pre,dd{break-inside:avoid}
.wide{overflow:visible}th,td{white-space:normal}table{font-size:8pt;width:100%}pre code{white-space:pre-wrap}
a{text-decoration:none}}
""".strip()
