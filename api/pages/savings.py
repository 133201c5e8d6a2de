"""Contract savings so far: preliminary until both parties have signed."""

from analytics.live.board import ContractSavings
from api.pages import text
from api.pages.element import box, say
from api.pages.figure_card import unit
from api.pages.icon import icon
from api.pages.number import figure, percent
from api.pages.visit import Visit

_UNITS = {"electricity": "kWh", "heat": "kWh", "water": "m3", "gas": "m3"}


def draw(visit: Visit, contracts: list[ContractSavings]) -> None:
    """Every contract's savings, with what they rest on."""
    with box("h2", "panel-title"):
        icon("savings")
        say("span", visit.say(text.SAVINGS))
    for contract in contracts:
        _contract(visit, contract)


def _contract(visit: Visit, contract: ContractSavings) -> None:
    shown = unit(_UNITS.get(contract.carrier, ""))
    with box("article", "contract"):
        with box("div", "panel-head"):
            say("h3", visit.say(contract.title), "sub-title")
            if contract.preliminary:
                with box("span", "chip watch"):
                    icon("info")
                    say("span", visit.say(text.PRELIMINARY))
        with box("div", "pair"):
            with box("div", "reading large"):
                say("span", visit.say(text.SAVED), "reading-title")
                with box("span", "reading-value"):
                    say("span", figure(contract.saved), "number")
                    if contract.saved is not None:
                        say("span", shown, "unit")
            if contract.value_yuan is not None:
                with box("div", "reading"):
                    say("span", visit.say(text.VALUE), "reading-title")
                    with box("span", "reading-value"):
                        say("span", "¥", "unit")
                        say("span", figure(contract.value_yuan, 0), "number")
        if contract.saved is not None:
            with box("dl", "figures"):
                for title, value in ((text.BASELINE, contract.baseline), (text.MEASURED, contract.measured)):
                    with box("div"):
                        say("dt", visit.say(title))
                        say("dd", figure(value))
                with box("div"):
                    say("dt", visit.say(text.SAVED))
                    say("dd", percent(contract.share_saved, 1))
            if contract.fsu is not None:
                doubt = visit.say(text.UNCERTAINTY, fsu=percent(contract.fsu), confidence=percent(contract.confidence))
                share = visit.say(text.ESCO_SHARE, share=percent(contract.esco_share))
                say("p", f"{doubt} · {share}", "hint")
        say("p", visit.say(contract.why), "hint")
