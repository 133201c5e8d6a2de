"""Words a person reads, in Chinese and English."""

from typing import Literal, NamedTuple

Language = Literal["zh", "en"]


class Text(NamedTuple):
    """One saying in both languages."""

    zh: str
    en: str

    def to(self, language: Language) -> str:
        """The saying in one language."""
        return self.zh if language == "zh" else self.en
