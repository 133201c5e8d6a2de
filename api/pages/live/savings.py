"""Contract savings so far: preliminary until both parties have signed."""

from analytics.live.board import ContractSavings
from api.pages.elements.element import box, say
from api.pages.elements.icon import icon
from api.pages.elements.number import figure, percent
from api.pages.elements.unit import unit
from api.pages.frame.visit import Visit
from api.pages.live import text_live

_UNITS = {"electricity": "kWh", "heat": "kWh", "water": "m3", "gas": "m3"}


def draw(visit: Visit, contracts: list[ContractSavings]) -> None:
    """Every contract's savings, with what they rest on."""
    with box("h2", "panel-title"):
        icon("savings")
        say("span", visit.say(text_live.SAVINGS))
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
                    say("span", visit.say(text_live.PRELIMINARY))
        with box("div", "pair"):
            with box("div", "reading large"):
                say("span", visit.say(text_live.SAVED), "reading-title")
                with box("span", "reading-value"):
                    say("span", figure(contract.saved), "number")
                    if contract.saved is not None:
                        say("span", shown, "unit")
            if contract.value_yuan is not None:
                with box("div", "reading"):
                    say("span", visit.say(text_live.VALUE), "reading-title")
                    with box("span", "reading-value"):
                        say("span", "¥", "unit")
                        say("span", figure(contract.value_yuan, 0), "number")
        if contract.saved is not None:
            with box("dl", "figures"):
                for title, value in ((text_live.BASELINE, contract.baseline), (text_live.MEASURED, contract.measured)):
                    with box("div"):
                        say("dt", visit.say(title))
                        say("dd", figure(value))
                with box("div"):
                    say("dt", visit.say(text_live.SAVED))
                    say("dd", percent(contract.share_saved, 1))
            if contract.fsu is not None:
                doubt = visit.say(
                    text_live.UNCERTAINTY, fsu=percent(contract.fsu), confidence=percent(contract.confidence)
                )
                share = visit.say(text_live.ESCO_SHARE, share=percent(contract.esco_share))
                say("p", f"{doubt} · {share}", "hint")
        say("p", visit.say(contract.why), "hint")
