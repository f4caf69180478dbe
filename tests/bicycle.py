"""A small corpus about another subject, so that nothing in the tests leans on the shipped articles."""

from __future__ import annotations

from pathlib import Path

CHAIN = """---
title: Looking after a bicycle chain
publisher: Spoke and Saddle Workshop
published: 2023-04-01
reviewed_by: a workshop mechanic
url: https://bikes.example/chain
kind: digest
language: en
---
## How often should the chain be oiled?

<!-- questions:
chain oil interval
when does a chain need oil
lubricating the chain
-->

The chain is oiled every 2 weeks by a daily rider. A rider in the rain oils it every 3 days. Too much oil collects dirt.

## How long does a chain last?

<!-- questions:
chain lifetime
when is a chain worn out
replacing an old chain
-->

A chain usually lasts 3000 km. It lasts longer when it is kept clean. A worn chain stretches by 0.5-0.75 mm a link.

## How is a chain cleaned?

<!-- questions:
washing a dirty chain
removing grease
-->

The cleaning kit holds:

- a rag
- a small brush
- mild soap

The chain is brushed first and wiped dry after that.

## Is chain wax better than oil?

<!-- questions:
wax or oil
dry lubricant
-->

Wax stays cleaner than oil on dusty roads. However, wax washes off in heavy rain.
"""

TYRES = """---
title: Tyres and tubes
publisher: Wheelwright Weekly
published: null
---
## How much air does a tyre need?

<!-- questions:
tyre pressure
how hard should I pump the tyres
-->

A touring tyre needs 4 to 5 bar. A wide tyre needs less, about 3 bar. The sidewall names the highest pressure.

## How often should tyres be pumped?

<!-- questions:
pumping interval
topping up air
-->

Tyres are pumped up every 4 weeks. Narrow tyres lose air sooner and are pumped every 2 weeks.

## Does a slow puncture need a new tube?

<!-- questions:
patch or replace
tiny hole in the tube
-->

A tube with one small hole can be patched. A tube that tore at the valve has to be replaced.

## How long does mending a flat take?

<!-- questions:
time to fix a puncture
roadside repair duration
-->

Mending a flat takes about 20 minutes. A rear wheel takes 10 minutes longer because of the chain.
"""

BRAKES = """top of page
Workshop notes
Squealing Brakes and What to Do
12 March 2021
Photo: Nadia from the workshop
Brakes that squeal are usually dirty. A clean rim is silent in most cases.
How often are brake pads replaced?
Brake pads are replaced every 6 months by a commuter. Riders in hilly towns replace them every 3 months.
Who should not adjust disc brakes?
Disc brakes should not be adjusted by:
• beginners
• people without a torque wrench
How far from the rim do the pads sit?
The pads sit 1.5 mm from the rim. Dr. Rimmer prefers 2 mm for wide rims.
Share the post
First name *
E-mail
Message
Leave a comment
What a helpful text, my brakes are quiet now!
"""

CLINIC = """name = "Spoke Street Repair"
phone = "555-0100"
"""

FILES = {"001-chain.md": CHAIN, "002-tyres.md": TYRES, "003-brakes.txt": BRAKES, "clinic.toml": CLINIC}


def write_corpus(folder: Path) -> Path:
    """Write the articles and the operator's details; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
