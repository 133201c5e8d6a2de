"""The frame of every page: header, navigation, language, appearance, who is signed in."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from nicegui import ui

from api.pages import text
from api.pages.elements.element import box, say
from api.pages.elements.icon import icon
from api.pages.frame import text_frame
from api.pages.frame.visit import THEMES, Visit
from schema.text import Text
from store.registry.places import Site

_STYLES = ("theme", "frame", "panel", "live", "detail", "care")
_ROLES = {"viewer": text_frame.VIEWER, "operator": text_frame.OPERATOR, "admin": text_frame.ADMIN}
_THEME_WORDS = {"auto": text_frame.THEME_AUTO, "light": text_frame.THEME_LIGHT, "dark": text_frame.THEME_DARK}
# What charts format and colour themselves with: the style sheet stays the one place of colours.
_SCRIPT = """
globalThis.tone = name => getComputedStyle(document.body).getPropertyValue(name).trim();
globalThis.figure = value => Number(value).toLocaleString("en", {maximumFractionDigits: 2});
"""


def dress(visit: Visit, title: Text) -> None:
    """Title, language, style sheets and appearance of a page."""
    ui.page_title(f"{visit.say(title)} · {visit.say(text_frame.PRODUCT)}")
    ui.dark_mode({"auto": None, "light": False, "dark": True}[visit.theme])
    links = "".join(f'<link rel="stylesheet" href="/static/{name}.css">' for name in _STYLES)
    code = "zh-CN" if visit.language == "zh" else "en"
    ui.add_head_html(f'{links}<script>document.documentElement.lang = "{code}"; {_SCRIPT}</script>')


@contextmanager
def frame(visit: Visit, title: Text) -> Iterator[None]:
    """A signed-in page: everything inside the block is its main part."""
    dress(visit, title)
    say("a", visit.say(text_frame.SKIP), "skip", href="#main")
    with box("header", "masthead"):
        with box("a", "brand", href=visit.link("/")):
            box("img", src="/static/favicon.svg", alt="")
            with box("span", "brand-words"):
                say("span", visit.say(text_frame.PRODUCT))
                say("small", visit.say(_title(visit.site) if visit.site else text_frame.TAGLINE))
        _navigation(visit)
        with box("div", "tools"):
            if len(visit.sites) > 1:
                _choice_of_site(visit)
            preferences(visit)
            if visit.caller:
                with box("div", "who"):
                    say("span", visit.caller.name)
                    say("small", visit.say(_ROLES[visit.caller.role]))
                with box("form", method="post", action="/sign-out"), box("button", "tool", type="submit"):
                    icon("leave")
                    say("span", visit.say(text_frame.SIGN_OUT), "unseen")
    # NiceGUI has put all this into a main element already.
    with box("div", "page", id="main"):
        yield


def preferences(visit: Visit) -> None:
    """The switches of language and appearance; links, so that they work before anything else does."""
    back = quote(visit.address, safe="")
    other, code = ("en", "en") if visit.language == "zh" else ("zh", "zh-CN")
    with box("a", "tool language", href=f"/language/{other}?back={back}", lang=code):
        say("span", visit.say(text_frame.OTHER_LANGUAGE), aria_hidden="true")
        say("span", visit.say(text_frame.SWITCH_LANGUAGE), "unseen")
    following = THEMES[(THEMES.index(visit.theme) + 1) % len(THEMES)]
    words = visit.say(_THEME_WORDS[visit.theme])
    with box("a", "tool", href=f"/appearance/{following}?back={back}", title=words):
        icon(visit.theme)
        say("span", words, "unseen")


def _navigation(visit: Visit) -> None:
    entries = [("/", "live", text.LIVE), ("/devices", "devices", text.DEVICES), ("/alarms", "alarms", text.ALARMS)]
    if visit.may("operator"):
        entries.append(("/dead-letters", "letters", text.DEAD_LETTERS))
    with box("nav", "nav", aria_label=visit.say(text_frame.NAVIGATION)):
        for path, sign, words in entries:
            here = visit.path == path or (path != "/" and visit.path.startswith(path))
            with box("a", href=visit.link(path), **({"aria_current": "page"} if here else {})):
                icon(sign)
                say("span", visit.say(words))


def _choice_of_site(visit: Visit) -> None:
    with box("details", "sites"):
        with box("summary", "tool"):
            icon("sites")
            say("span", visit.say(text_frame.CHOOSE_SITE), "unseen")
        with box("ul"):
            for site in visit.sites:
                here = {"aria_current": "true"} if site == visit.site else {}
                with box("li"):
                    say("a", visit.say(_title(site)), href=visit.link("/", site), **here)


def _title(site: Site) -> Text:
    return Text(site.title_zh, site.title_en)
