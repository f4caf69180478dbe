"""Answers before and after, side by side (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bot.comparison import Comparison, Pair
from bot.render import esc, reply_html
from bot.schema import Reply
from bot.staff_pages import t

_CITE = re.compile(r"<a (class=\"cite[^\"]*\")[^>]*>(.*?)</a>")  # as ``render`` writes them


def counts_html(comparison: Comparison) -> str:
    """How many questions got which kind of reply, before and after."""
    rows = "".join(
        f'<tr><th scope="row">{t(f"status_{status}")}</th><td class="number">{before}</td>'
        f'<td class="number">{after}</td></tr>'
        for status, (before, after) in comparison.counts().items()
    )
    heads = "".join(f'<th scope="col" class="number">{t(key)}</th>' for key in ("before", "after"))
    return (
        f'<div class="wide"><table class="counts"><thead><tr><th scope="col">{t("column_status")}</th>{heads}</tr>'
        f"</thead><tbody>{rows}</tbody></table></div>"
    )


def pairs_html(pairs: Sequence[Pair], links: Mapping[str, str]) -> str:
    """Pairs side by side."""
    return "".join(_pair_html(pair, links) for pair in pairs)


def compared_html(comparison: Comparison, links: Mapping[str, str]) -> str:
    """The pairs that changed side by side, the others by name."""
    same = [pair for pair in comparison.pairs if not pair.changed]
    listed = "".join(
        f'<li dir="auto">{esc(pair.question)} <span class="chip {pair.after.status}">'
        f"{t(f'status_{pair.after.status}')}</span></li>"
        for pair in same
    )
    unchanged = (
        f'<details><summary>{t("unchanged", n=len(same))}</summary><ul class="findings">{listed}</ul></details>'
        if same
        else ""
    )
    return pairs_html(comparison.changed, links) + unchanged


def _pair_html(pair: Pair, links: Mapping[str, str]) -> str:
    sides = "".join(
        f'<div class="card {name}"><h4>{t(name)}</h4>{_reply(reply, links)}</div>'
        for name, reply in (("before", pair.before), ("after", pair.after))
    )
    return (
        f'<h3 dir="auto">{esc(pair.question)}</h3><p class="meta">{t(f"origin_{pair.origin}")}</p>'
        f'<div class="compare">{sides}</div>'
    )


def _reply(reply: Reply, links: Mapping[str, str]) -> str:
    """A reply whose sources are named and not linked: what is not published has no page."""
    chip = f'<p class="chips"><span class="chip {reply.status}">{t(f"status_{reply.status}")}</span></p>'
    return chip + _CITE.sub(r"<span \1>\2</span>", reply_html(reply, links))
