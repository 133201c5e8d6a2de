"""A visit: who looks at a page, at which site, in which language and appearance."""

from dataclasses import dataclass, replace
from typing import Literal, get_args
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request

from api.auth import Caller, identify
from api.context import Context
from schema.text import Language, Text
from store.registry.places import Site, sites

Theme = Literal["auto", "light", "dark"]
THEMES: tuple[Theme, ...] = get_args(Theme)
LANGUAGE_COOKIE = "dayuan_language"
THEME_COOKIE = "dayuan_appearance"


@dataclass(frozen=True)
class Visit:
    """One request for a page; `sites` are those the caller may see, `site` the one asked for, else the first."""

    context: Context
    request: Request
    language: Language
    theme: Theme
    caller: Caller | None
    sites: list[Site]
    site: Site | None

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the site."""
        return ZoneInfo(self.site.timezone if self.site else "Asia/Shanghai")

    @property
    def path(self) -> str:
        """The path asked for."""
        return self.request.url.path

    @property
    def address(self) -> str:
        """The path with its query: where to come back to."""
        return f"{self.path}?{self.request.url.query}" if self.request.url.query else self.path

    def say(self, words: Text, **values: object) -> str:
        """Words in the visitor's language."""
        return words.to(self.language).format(**values) if values else words.to(self.language)

    def may(self, role: str) -> bool:
        """Whether the visitor has at least this role."""
        return self.caller is not None and self.caller.at_least(role)

    def at(self, site: str) -> "Visit":
        """The same visit at another of its sites."""
        return replace(self, site=next((known for known in self.sites if known.id == site), self.site))

    def link(self, path: str, site: Site | None = None) -> str:
        """A path that keeps the chosen site, or chooses another."""
        chosen = site or self.site
        return f"{path}?{urlencode({'site': chosen.id})}" if chosen else path


def visit(request: Request, context: Context) -> Visit:
    """The visit a request makes; blocks on the registry."""
    caller = identify(request, context)
    with context.registry.reading() as session:
        known = [site for site in sites(session) if caller.sees(site.id)] if caller else []
    asked = request.path_params.get("site") or request.query_params.get("site")
    chosen = next((site for site in known if site.id == asked), known[0] if known else None)
    theme: Theme = next((theme for theme in THEMES if theme == request.cookies.get(THEME_COOKIE)), "auto")
    return Visit(context, request, language(request), theme, caller, known, chosen)


def language(request: Request) -> Language:
    """What was chosen on this browser, else the one of the two it prefers, else Chinese."""
    match request.cookies.get(LANGUAGE_COOKIE):
        case "zh":
            return "zh"
        case "en":
            return "en"
    best: tuple[float, Language] = (0.0, "zh")
    for entry in request.headers.get("accept-language", "").split(","):
        tag, _, weight = entry.strip().lower().partition(";q=")
        spoken: Language | None = "zh" if tag.startswith("zh") else "en" if tag.startswith("en") else None
        try:
            share = float(weight or 1)
        except ValueError:
            continue
        if spoken and share > best[0]:
            best = (share, spoken)
    return best[1]
