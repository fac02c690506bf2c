"""Turn the formulas of a page into MathML while the site is built: no script, no network."""

import re
from html import unescape

from latex2mathml.converter import convert

_FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\(?P<open>[(\[])(?P<tex>.*?)\\[)\]]</(?P=tag)>',
    re.DOTALL,
)
_UNREAD = re.compile(r"<mi>(?P<token>&|\\\w+)</mi>")


def on_page_content(html: str, **_: object) -> str:
    """Replace what arithmatex has marked as TeX; a formula that cannot be read stops the build."""
    return _FORMULA.sub(_to_mathml, html)


def _to_mathml(found: re.Match[str]) -> str:
    display = "block" if found["open"] == "[" else "inline"
    formula = str(convert(unescape(found["tex"]).strip(), display=display))
    if unread := _UNREAD.search(formula):
        raise ValueError(f"{unread['token']} cannot be read in the formula {found['tex']}")
    return formula
