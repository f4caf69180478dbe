"""``python -m bot staff add|list|remove|password``: the accounts of the front desk; lines to print."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from bot.accounts import ROLES, Accounts
from bot.errors import AccountError
from bot.staff import Store

if TYPE_CHECKING:
    from bot.config import Config


def add(deeds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to those of ``staff``."""
    made = deeds.add_parser("add", help="make an account; asks for its password, or reads a line of the input")
    made.add_argument("name", help="small letters, digits, dots, dashes")
    made.add_argument("--role", choices=ROLES, default="staff", help="an editor also teaches the bot")
    deeds.add_parser("list", help="show the accounts")
    deeds.add_parser("remove", help="remove an account, which signs it out").add_argument("name")
    deeds.add_parser("password", help="set a password anew, which signs the account out").add_argument("name")


def _add(store: Store, config: Config, options: argparse.Namespace) -> Iterator[str]:
    yield f"made {Accounts(store).add(options.name, _password(), options.role)}"


def _list(store: Store, config: Config, options: argparse.Namespace) -> Iterator[str]:
    accounts = Accounts(store).all()
    yield from (str(account) for account in accounts)
    if not accounts:
        yield "no accounts yet: make one with 'staff add NAME'"


def _remove(store: Store, config: Config, options: argparse.Namespace) -> Iterator[str]:
    Accounts(store).remove(options.name)
    yield f"removed {options.name}"


def _change(store: Store, config: Config, options: argparse.Namespace) -> Iterator[str]:
    Accounts(store).set_password(options.name, _password())
    yield f"changed the password of {options.name}"


def _password() -> str:
    """Asked for twice without showing it, or the first line of what is piped in."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise AccountError("The two passwords differ. Start again.")
    return password


DEEDS: dict[str, Callable[[Store, Config, argparse.Namespace], Iterator[str]]] = {
    "add": _add,
    "list": _list,
    "remove": _remove,
    "password": _change,
}
