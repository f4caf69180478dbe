"""What the staff's pages have in common, and the small ones: the door, the account, a refusal (pure)."""

from __future__ import annotations

import html
from dataclasses import dataclass

from bot.accounts import Account
from bot.guard import STAFF
from bot.passwords import MIN_CHARS
from bot.render import clean, esc
from bot.staff_words import say

# Where each page is and the key of its name; editors see the last ones, too.
PAGES = (("", "desk"), ("/queue", "queue"), ("/taught", "taught"), ("/insights", "insights"))
EDITORS_PAGES = (("/articles", "articles"),)


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page needs: whose clinic it is, and the addresses of its files."""

    clinic: str
    site_css: str
    staff_css: str
    staff_js: str


@dataclass(frozen=True, slots=True)
class Around:
    """The frame for somebody signed in; ``form`` is the token of their forms."""

    frame: Frame
    name: str
    editor: bool
    form: str

    def hidden(self) -> str:
        """The field that each form carries."""
        return f'<input type="hidden" name="form" value="{esc(self.form)}">'


def t(key: str, **slots: object) -> str:
    """A text as safe HTML."""
    return esc(say(key, **slots))


def duration(seconds: int) -> str:
    """``8 seconds``, ``2 minutes``, rounded up."""
    if seconds <= 90:
        return say("one_second") if seconds == 1 else say("seconds", n=seconds)
    return say("minutes", n=-(-seconds // 60))


def page(around: Around, title: str, body: str, here: str | None = None) -> str:
    """A whole page of the staff's. ``here`` is the path of the page in the navigation; ``body`` is safe HTML."""
    links = "".join(
        f'<li><a href="{STAFF}{path}"{" aria-current=page" if path == here else ""}>{t(key)}</a></li>'
        for path, key in (*PAGES, *(EDITORS_PAGES if around.editor else ()))
    )
    role = say("role_editor" if around.editor else "role_staff")
    me = f'<a href="{STAFF}/account"{" aria-current=page" if here == "/account" else ""}>{esc(around.name)}</a>'
    top = (
        f'<a class="skip" href="#main">{t("skip")}</a><header class="bar"><p class="brand">{t("front_desk")}'
        f"<span>{esc(around.frame.clinic)}</span></p>"
        f'<nav aria-label="{t("front_desk")}"><ul>{links}</ul></nav>'
        f'<form class="me" method="post" action="{STAFF}/logout">{around.hidden()}'
        f'<span class="unseen">{t("signed_in_as", name=around.name, role=role)}</span>{me}'
        f"<button>{t('sign_out')}</button></form></header>"
    )
    files = (
        f'<link rel="stylesheet" href="{esc(around.frame.staff_css)}">'
        f'<script type="module" src="{esc(around.frame.staff_js)}"></script>'
    )
    return _html(around.frame, title, f'{top}<main id="main" tabindex="-1">{body}</main>', files, "staff")


def _html(frame: Frame, title: str, body: str, files: str = "", kind: str = "plain door") -> str:
    shown = f"{title} · {say('front_desk')}" if title != say("front_desk") else title
    return (
        '<!doctype html><html lang="en" dir="ltr"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="robots" content="noindex"><title>{esc(shown)}</title><link rel="icon" href="/favicon.ico">'
        f'<link rel="stylesheet" href="{esc(frame.site_css)}">{files}</head><body class="{kind}">{body}</body></html>'
    )


def field(key: str, name: str, kind: str, complete: str, more: str = "", hint: str = "") -> str:
    """A labelled input."""
    described = f' aria-describedby="{name}-hint"' if hint else ""
    told = f'<p class="hint" id="{name}-hint">{esc(hint)}</p>' if hint else ""
    return (
        f'<label for="{name}">{t(key)}</label>{told}<input id="{name}" name="{name}" type="{kind}" required '
        f'autocomplete="{complete}" spellcheck="false" autocapitalize="none"{described}{more}>'
    )


def hidden(**fields: object) -> str:
    """Fields of a form that nobody sees; those of None are left out."""
    shown = ((name, value) for name, value in fields.items() if value is not None)
    return "".join(f'<input type="hidden" name="{name}" value="{lines(str(value))}">' for name, value in shown)


def lines(text: str) -> str:
    """Safe in HTML text and quoted attributes, line ends kept."""
    return html.escape(clean(text))


def listing(rows: str, empty: str) -> str:
    """Cards one below the other, or the text of a key where there are none."""
    return f'<ol class="rows">{rows}</ol>' if rows else f'<p class="note">{t(empty)}</p>'


def unseen(text: str) -> str:
    """What only screen readers read behind the name of a button: which of many it belongs to."""
    return f'<span class="unseen">: {esc(text)}</span>'


def alert(told: str) -> str:
    """A word about what went wrong; empty for none."""
    return f'<p class="note wrong" role="alert">{esc(told)}</p>' if told else ""


def done(told: str) -> str:
    """A word about what was done; empty for none."""
    return f'<p class="note" role="status">{esc(told)}</p>' if told else ""


def login_page(frame: Frame, form: str, name: str = "", told: str = "", open_wire: bool = False) -> str:
    """The door."""
    body = (
        f'<main><h1>{t("front_desk")}</h1><p class="meta">{t("sign_in_hint")}</p>'
        f"{alert(told)}{alert(say('open_wire')) if open_wire else ''}"
        f'<form method="post" action="{STAFF}/login"><input type="hidden" name="form" value="{esc(form)}">'
        f"{field('name', 'name', 'text', 'username', f' value={chr(34)}{esc(name)}{chr(34)}' if name else '')}"
        f"{field('password', 'password', 'password', 'current-password')}"
        f'<button class="send">{t("sign_in")}</button></form></main>'
    )
    return _html(frame, say("front_desk"), body)


def account_page(around: Around, account: Account, told: str = "", well: str = "") -> str:
    """Who one is, and another password."""
    role = "role_editor" if account.editor else "role_staff"
    hint = say("new_password_hint", least=MIN_CHARS)
    body = (
        f'<div class="narrow"><h1>{t("account")}</h1>'
        f"<p>{t('account_hint', name=account.name, role=say(role))} {t(f'{role}_hint')}</p>"
        f'<h2>{t("change_password")}</h2>{alert(told)}{done(well)}<form method="post" action="{STAFF}/account">'
        f'{around.hidden()}<input type="hidden" name="username" autocomplete="username" value="{esc(account.name)}">'
        f"{field('current_password', 'current', 'password', 'current-password')}"
        f"{field('new_password', 'new', 'password', 'new-password', f' minlength={MIN_CHARS}', hint)}"
        f"{field('again_password', 'again', 'password', 'new-password', f' minlength={MIN_CHARS}')}"
        f'<button class="send">{t("change_password")}</button></form></div>'
    )
    return page(around, say("account"), body, "/account")


def refused_page(frame: Frame, code: int, detail: str = "") -> str:
    """Why a page can't be shown or a form was not taken, and what to do."""
    key = f"refused_{code}" if code in (401, 403, 404, 413, 503) else "refused_other"
    text = f"refused_{code}_{detail}" if detail in ("role", "form", "store") else f"{key}_text"
    to = f'<p><a href="{STAFF}">{t("to_desk")}</a></p>'
    return _html(frame, say(key), f'<main><h1>{t(key)}</h1><p role="alert">{t(text)}</p>{to}</main>')
