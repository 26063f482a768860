"""How the report looks: paper by day, ink by night, and on paper as on paper."""

LINES = 6
"""How many lines of a plot are told apart, by colour and by dash at once: no eye needs to tell colours."""
CSS = """
:root{color-scheme:light dark;--paper:light-dark(#fbfaf7,#12151a);--card:light-dark(#fff,#191d24);
--ink:light-dark(#1d2127,#e9e7e1);--soft:light-dark(#5b6068,#a3a8b1);--line:light-dark(#e3dfd6,#2c323c);
--good:light-dark(#2f7d5c,#5cb88f);--bad:light-dark(#b3261e,#ff7a6e);--warn:light-dark(#8a5a00,#e0a94a);
--page:light-dark(#1f5b99,#8fbdf0);
--line-0:light-dark(#6b3fa0,#c3a1ff);--line-1:light-dark(#00726b,#4fd1c5);--line-2:light-dark(#b0307a,#ff9ad0);
--line-3:light-dark(#3c424b,#d7dae0);--line-4:light-dark(#5a6600,#cdd86a);--line-5:light-dark(#2457c5,#8fb4ff);
--serif:ui-serif,"Iowan Old Style",Palatino,Georgia,serif}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.55 ui-sans-serif,system-ui,sans-serif}
main,header,footer{max-width:66rem;margin:0 auto;padding:0 clamp(1rem,4vw,2.5rem)}
header{padding-top:clamp(2rem,6vw,4rem)}footer{padding-block:2rem 4rem;color:var(--soft);font-size:.875rem}
h1{font:400 clamp(1.9rem,5vw,3rem)/1.12 var(--serif);letter-spacing:-.015em;margin:.2rem 0 1rem;text-wrap:balance}
h2{font:400 1.6rem/1.25 var(--serif);margin:3.5rem 0 .75rem;padding-top:1.5rem;border-top:1px solid var(--line)}
h3{font:600 1.05rem/1.4 inherit;margin:2.25rem 0 .5rem}h4{font-size:.95rem;margin:1.5rem 0 .25rem}
p{margin:.35rem 0;max-width:44rem}.lead{font:400 1.2rem/1.5 var(--serif);max-width:46rem}
.eyebrow,.soft{color:var(--soft)}.eyebrow{margin:0;font-size:.9rem}
.notice{border-inline-start:4px solid var(--warn);padding:.4rem .9rem;margin:.6rem 0;background:var(--card)}
.notice.bad{border-color:var(--bad)}.notice.good{border-color:var(--good)}
.figures{display:flex;flex-wrap:wrap;background:var(--card);
border:1px solid var(--line);border-radius:.6rem;overflow:hidden;margin:1.75rem 0}
.figures div{flex:1 1 max(9.5rem,22%);outline:.5px solid var(--line);padding:.9rem 1rem}
.figures dt{color:var(--soft);font-size:.85rem}
.figures dd{margin:0}.figures .value{font:400 1.5rem/1.3 var(--serif);font-variant-numeric:tabular-nums}
.figures .why{color:var(--soft);font-size:.8rem;display:block;line-height:1.4}
.scroll,.plot{overflow-x:auto;background:linear-gradient(90deg,var(--paper) 30%,transparent) 0 0/3rem 100% local,
linear-gradient(270deg,var(--paper) 30%,transparent) 100% 0/3rem 100% local,
linear-gradient(90deg,var(--shade),transparent) 0 0/.9rem 100%,
linear-gradient(270deg,var(--shade),transparent) 100% 0/.9rem 100%;background-repeat:no-repeat;
--shade:light-dark(#1d212733,#00000099)}
.scroll:focus-visible,.plot:focus-visible{outline:3px solid var(--page);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums;margin:.4rem 0 1rem}
caption{text-align:start;color:var(--soft);padding:.2rem 0}
th,td{text-align:start;vertical-align:top;padding:.4rem .9rem .4rem 0;border-bottom:1px solid var(--line)}
thead th{color:var(--soft);font-weight:400;font-size:.82rem;white-space:nowrap}td.n{white-space:nowrap}
tbody th{font-weight:500}tbody th,tbody td{white-space:nowrap}tbody .wrap{white-space:normal;min-width:13rem}
.yes{color:var(--good)}.no{color:var(--bad)}
.plot{margin:.75rem 0}.plot svg{display:block;width:100%;min-width:42rem;height:auto}
svg text{font:12px ui-sans-serif,system-ui,sans-serif;fill:var(--ink)}svg .tick{fill:var(--soft);font-size:11px}
svg .base{stroke:var(--line)}svg .day{stroke:var(--line);stroke-dasharray:2 3}
svg .incident{fill:var(--bad)}svg .page{fill:var(--page)}svg .alert{fill:var(--warn)}
svg .unknown{fill:var(--soft);fill-opacity:.16}
svg .threshold{stroke:var(--bad);stroke-dasharray:6 4}
svg .burn{fill:none;stroke-width:1.5;stroke-linejoin:round}
svg .burn-0{stroke:var(--line-0)}svg .burn-1{stroke:var(--line-1);stroke-dasharray:7 3}
svg .burn-2{stroke:var(--line-2);stroke-dasharray:2 2.5}svg .burn-3{stroke:var(--line-3);stroke-dasharray:9 3 2 3}
svg .burn-4{stroke:var(--line-4);stroke-dasharray:14 4}svg .burn-5{stroke:var(--line-5);stroke-dasharray:4 4}
svg .cell{fill:var(--line);fill-opacity:.35}svg .cell.night{fill-opacity:.8}
svg .hot{fill:var(--bad)}svg .count{font-weight:600}svg .count.strong{fill:var(--paper)}
svg .variant{stroke:var(--paper);stroke-width:1}svg .other{fill:var(--soft);fill-opacity:.45}
svg .best{fill:var(--page)}svg .declared{fill:var(--warn);stroke:var(--ink);stroke-width:1.5}
svg .missing{stroke:var(--bad);stroke-width:2}svg .other.missing{fill:none}
.days{display:flex;flex-wrap:wrap;gap:3px;list-style:none;padding:0;margin:.4rem 0}
.days li{width:1.15rem;height:1.7rem;border-radius:3px;background:var(--good)}
.days .broken{background:var(--bad);height:1.7rem}
.days .blank{background:repeating-linear-gradient(45deg,var(--line) 0 3px,transparent 3px 6px);
outline:1px solid var(--line)}
.key{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;list-style:none;padding:0;color:var(--soft);font-size:.85rem}
.quiet{border-bottom:1px solid var(--line)}.quiet>summary{width:auto;padding:.6rem 0;color:var(--ink)}
.quiet h3{display:inline;margin:0}.quiet summary span{color:var(--soft);margin-inline-start:.75rem}
.key i{display:inline-block;width:.8rem;height:.8rem;border-radius:2px;margin-inline-end:.4rem;vertical-align:-.05rem}
.key svg{width:2.2rem;height:.8rem;margin-inline-end:.4rem;vertical-align:-.05rem}.key .burn{stroke-width:2}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
code{font-size:.92em}details summary{cursor:pointer;color:var(--soft);padding:.25rem 0;width:fit-content}
@media(forced-colors:active){svg{forced-color-adjust:none}}
@media print{:root{color-scheme:light}body{font-size:10pt}h2{break-after:avoid}.plot,table,.figures{break-inside:avoid}
details::details-content{content-visibility:visible;height:auto}.plot svg{min-width:0}
.scroll,.plot{overflow:visible;background:none}
table{font-size:8pt}thead th{white-space:normal;font-size:8pt}tbody .wrap{min-width:0}:root{--paper:#fff}}
"""
