"""How the page looks: one style sheet, two colour schemes, down to the width of a phone."""

COLOURS = """
:root{--paper:#fdfdfb;--card:#fff;--ink:#1b1f24;--soft:#5b6570;--line:#e2e4e1;--wash:#f3f4f1;--holds:#14784a;
  --holds-wash:#e4f4ea;--broken:#bd2c26;--broken-wash:#fdeae8;--open:#86610a;--open-wash:#fbf1d9;--blue:#2660a4}
@media screen and (prefers-color-scheme:dark){
:root{--paper:#14171a;--card:#1b1f23;--ink:#e8eaed;--soft:#9ba5af;--line:#30363c;--wash:#22272c;--holds:#4cc38a;
  --holds-wash:#16311f;--broken:#ff7b72;--broken-wash:#3d1a1a;--open:#e3b341;--open-wash:#352a10;--blue:#79b3f5}
}
"""
"""The names of the colours, in light and in dark."""

PICTURES = """
.paper{fill:var(--card)}
.rail{fill:var(--soft)}
.bar{fill:var(--holds)}
.snapped{fill:var(--broken)}
.gap{fill:none;stroke:var(--open);stroke-width:3;stroke-dasharray:5 5}
.count{fill:var(--blue)}
.axis{stroke:var(--soft);stroke-width:1}
.limit{stroke:var(--broken);stroke-width:1.5;stroke-dasharray:4 3}
.zone{fill:var(--holds-wash);stroke:var(--holds);stroke-dasharray:3 3}
.seed{fill:var(--soft);opacity:.75}
.grid{stroke:var(--line);stroke-width:1}
.before{fill:var(--soft);fill-opacity:.32;stroke:var(--soft);stroke-width:1}
.now{fill:var(--blue);fill-opacity:.16;stroke:var(--blue);stroke-width:1.5;stroke-linejoin:round}
.now-bar{fill:var(--blue)}
.band{fill:var(--holds-wash);stroke:var(--holds);stroke-width:.75;stroke-dasharray:2 3}
.sum-before{fill:none;stroke:var(--soft);stroke-width:1.5;stroke-dasharray:4 2}
.sum-now{fill:none;stroke:var(--blue);stroke-width:2}
.path{fill:none;stroke:var(--blue);stroke-width:1.5}
.spread{fill:var(--blue);fill-opacity:.14}
.ideal{stroke:var(--soft);stroke-width:1.5;stroke-dasharray:5 4}
.tick{stroke:var(--ink);stroke-width:1.5}
.other{stroke:var(--soft);stroke-width:1.5;stroke-dasharray:2 3}
.above{fill:var(--blue)}
.below{fill:var(--broken)}
.absent{fill:var(--line)}
.minus{stroke:var(--ink);stroke-width:1.5}
.reach-holds,.reach-broken,.reach-open,.reach-plain{stroke-width:4;stroke-linecap:round;stroke-opacity:.75}
.span-holds,.span-broken,.span-open,.span-plain{stroke-width:2;stroke-linecap:round}
.gap-holds,.gap-broken,.gap-open,.gap-plain{stroke-width:3}
.mean-holds,.mean-broken,.mean-open,.mean-plain{stroke:var(--card);stroke-width:1.5}
.reach-holds,.gap-holds,.span-holds{stroke:var(--holds)}
.reach-broken,.gap-broken,.span-broken{stroke:var(--broken)}
.reach-open,.gap-open,.span-open{stroke:var(--open)}
.reach-plain,.gap-plain,.span-plain{stroke:var(--blue)}
.mean-holds{fill:var(--holds)}
.mean-broken{fill:var(--broken)}
.mean-open{fill:var(--card);stroke:var(--open);stroke-width:2}
.mean-plain{fill:var(--blue)}
.mean-hollow{fill:var(--card);stroke:var(--blue);stroke-width:2}
.half{fill:var(--open)}
svg text{font:12px system-ui,sans-serif;fill:var(--soft)}
svg text.strong{fill:var(--ink);font-weight:600;font-size:15px}
svg text.holds{fill:var(--holds)}
svg text.broken{fill:var(--broken)}
svg text.open{fill:var(--open)}
svg text.ink{fill:var(--ink)}
svg text.halo{paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round}
"""
"""What a picture needs, in the page or alone."""

_PAGE = """
*{box-sizing:border-box}
body{margin:0;overflow-wrap:anywhere;background:var(--paper);color:var(--ink);
  font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;-webkit-text-size-adjust:100%}
main{max-width:62rem;margin:0 auto;padding:1.5rem 1.25rem 4rem}
h1{font-size:1.6rem;line-height:1.25;margin:.2rem 0 .6rem}
h2{font-size:1.15rem;margin:2.4rem 0 .6rem}
h3{font-size:1rem;margin:1.2rem 0 .3rem}
p{margin:.4rem 0}
code,pre{font:.86em/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
pre{background:var(--wash);border:1px solid var(--line);border-radius:.4rem;padding:.6rem .8rem;
  white-space:pre-wrap;margin:.5rem 0}
.note,.kicker{color:var(--soft);font-size:.92rem}
.kicker{margin:0;letter-spacing:.02em}
header{border-left:.4rem solid var(--open);background:var(--open-wash);padding:1rem 1.25rem;border-radius:.6rem}
header.holds{border-color:var(--holds);background:var(--holds-wash)}
header.broken{border-color:var(--broken);background:var(--broken-wash)}
header .mark{color:var(--open);margin-right:.45rem}
header.holds .mark{color:var(--holds)}
header.broken .mark{color:var(--broken)}
.tip{margin:1rem 0;padding:.7rem 1rem;border:1px solid var(--line);border-left:.3rem solid var(--blue);
  border-radius:.4rem;background:var(--card)}
.ladder{list-style:none;margin:0;padding:0;background:var(--card);border:1px solid var(--line);
  border-radius:.6rem;padding:.4rem 1.25rem}
.ladder li{display:grid;grid-template-columns:6rem 1fr;gap:1.25rem}
.rung{position:relative;border:solid var(--soft);border-width:0 .4rem;min-height:4.6rem}
.rung svg{position:absolute;left:0;top:50%;width:100%;height:2.5rem;margin-top:-1.25rem;overflow:visible}
.ladder .words{align-self:center;padding:.6rem 0;min-width:0}
.words b{font-size:1.05rem;margin-right:.5rem}
.words p{margin:.1rem 0;font-size:.95rem}
.badge{display:inline-block;border-radius:1rem;padding:.05rem .6rem;font-size:.8rem;font-weight:600;
  white-space:nowrap}
.badge.holds{color:var(--holds);background:var(--holds-wash)}
.badge.broken{color:var(--broken);background:var(--broken-wash)}
.badge.open{color:var(--open);background:var(--open-wash)}
.badge.plain{color:var(--soft);background:var(--wash)}
.badge.promise{color:var(--blue);border:1px solid currentColor;background:none}
.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.8rem 1.1rem;
  margin:.7rem 0}
.card h3{margin-top:0}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:.6rem;background:var(--card)}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;vertical-align:top;padding:.45rem .8rem;border-top:1px solid var(--line);
  overflow-wrap:break-word}
thead th{border-top:0;color:var(--soft);font-weight:600;font-size:.82rem;background:var(--wash);
  overflow-wrap:normal}
tr.differs td{background:var(--open-wash)}
tr.differs td:first-child{box-shadow:inset .25rem 0 var(--open)}
tr.outside td{background:var(--broken-wash)}
tr.outside td:first-child{box-shadow:inset .25rem 0 var(--broken)}
figure{margin:.6rem 0}
figure svg{display:block;width:100%;max-width:36rem;height:auto}
figcaption{color:var(--soft);font-size:.9rem}
.gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,26rem),1fr));gap:.9rem;align-items:start}
.gallery figure.card,.cards .card{margin:0}
.gallery details{margin:.4rem 0 0}
.gallery svg{max-width:32rem;margin:.2rem 0}
.answers{display:flex;flex-wrap:wrap;gap:.4rem;margin:.6rem 0 0;padding:0;list-style:none}
h2 .badge{margin-left:.5rem;vertical-align:.12em}
nav ul{display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;list-style:none;margin:1rem 0 0;padding:0}
nav a{color:var(--blue)}
ol li{margin:.5rem 0}
details{margin:.6rem 0}
summary{cursor:pointer;color:var(--blue);padding:.3rem 0}
footer{margin-top:3rem;color:var(--soft);font-size:.85rem;border-top:1px solid var(--line);padding-top:.8rem}
@media (max-width:40rem){
main{padding:1rem .8rem 3rem}
.card{padding:.7rem .6rem}
h1{font-size:1.3rem}
header{padding:.8rem 1rem}
.ladder{padding:.3rem .8rem}
.ladder li{grid-template-columns:3.6rem 1fr;gap:.9rem}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
tr{display:block;border-top:1px solid var(--line);padding:.4rem 0}
tbody tr:first-child{border-top:0}
td{display:grid;grid-template-columns:6.2rem minmax(0,1fr);gap:.6rem;border:0;padding:.15rem .8rem}
td::before{content:attr(data-label);color:var(--soft);font-size:.82rem}
tr.differs{box-shadow:inset .25rem 0 var(--open)}
tr.outside{box-shadow:inset .25rem 0 var(--broken)}
tr.differs td:first-child,tr.outside td:first-child{box-shadow:none}
tr.differs,tr.outside{background:var(--wash)}
tr.differs td,tr.outside td{background:none}
}
@media print{:root{color-scheme:light}
body{background:none}
details::details-content{content-visibility:visible;display:block}
}
"""

SHEET = f"{COLOURS}{PICTURES}{_PAGE}"
"""The whole of it."""
