"""reStructuredText -> HTML, forgiving: what only Sphinx knows is shown as plain text and never as an error."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from docutils import nodes
from docutils.core import publish_doctree, publish_from_doctree
from docutils.parsers.rst import Directive, directives, roles
from docutils.parsers.rst.languages import en
from docutils.utils import unescape
from docutils.writers.html5_polyglot import Writer

DROPPED = {
    "contents", "currentmodule", "default-domain", "default-role", "highlight", "include", "index", "literalinclude",
    "module", "program", "raw", "sectnum", "tabularcolumns", "toctree",
}  # fmt: skip
LITERAL = {"code", "code-block", "console", "parsed-literal", "snippet", "sourcecode"}
SHADOWED = {"class"}
"""Sphinx means an object by it, docutils a style."""
CHANGES = {
    "versionadded": "New in version",
    "versionchanged": "Changed in version",
    "deprecated": "Deprecated since version",
}

_DIRECTIVE = re.compile(r"^[ \t]*\.\.[ \t]+(?:\|[^|]+\|[ \t]+)?([\w:.+-]+)::", re.MULTILINE)
_ROLE = re.compile(r":([a-zA-Z][\w:.+-]*):`|`:([a-zA-Z][\w:.+-]*):")
_TITLED = re.compile(r"^(.*?)\s*<[^<>]*>$", re.DOTALL)

SETTINGS = {
    "_disable_config": True,
    "doctitle_xform": False,
    "embed_stylesheet": False,
    "file_insertion_enabled": False,
    "halt_level": 5,
    "initial_header_level": 1,
    "raw_enabled": False,
    "report_level": 5,
    "stylesheet_path": None,
    "syntax_highlight": "none",
    "toc_backlinks": False,
    "warning_stream": "",
}


class Rendered(NamedTuple):
    title: str
    """The first heading, or ""."""
    html: str
    """The body's HTML."""


def render(source: str) -> Rendered:
    """Render one document. 5 to 100 ms.

    Roles and directives that docutils does not know are registered as they are met, for the whole process.
    """
    _register(source)
    tree = publish_doctree(source, settings_overrides=SETTINGS)
    for message in list(tree.findall(nodes.system_message)):
        message.parent.remove(message)
    for problem in list(tree.findall(nodes.problematic)):
        problem.parent.replace(problem, nodes.Text(problem.astext().strip("`_|:")))
    title = next((found.astext() for found in tree.findall(nodes.title)), "")
    html = publish_from_doctree(tree, writer=Writer(), settings_overrides=SETTINGS).decode()
    body = re.search(r"<body[^>]*>\n?(.*)</body>", html, re.DOTALL)
    return Rendered(title, body[1] if body else "")


def _register(source: str) -> None:
    for name in {*_DIRECTIVE.findall(source)}:
        known = name.lower() in en.directives and name.lower() not in LITERAL | DROPPED | SHADOWED
        if not known and name not in directives._directives:  # type: ignore[attr-defined]
            directives.register_directive(name, _directive(name))
    for pair in {*_ROLE.findall(source)}:
        name = pair[0] or pair[1]
        if name.lower() not in en.roles and name not in roles._roles:  # type: ignore[attr-defined]
            roles.register_local_role(name, _role)


def _role(
    name: str, raw: str, text: str, line: int, inliner: Any, options: Any = None, content: Any = ()
) -> tuple[Any, Any]:
    """What Sphinx would show where it can't resolve a reference."""
    text = unescape(text)
    titled = _TITLED.match(text)
    if titled and titled[1]:
        return [nodes.Text(titled[1])], []
    if text.startswith("~"):
        text = text.rpartition(".")[2]
    text = text.lstrip("!~")
    if name == "ticket":
        text = f"#{text}"
    plain = name in ("doc", "ref", "term", "ticket", "menuselection", "mimetype", "py:ref", "py:term")
    return [nodes.Text(text) if plain else nodes.literal("", text)], []


class _Any(dict[str, Any]):
    """An option spec that takes every option."""

    def __getitem__(self, name: str) -> Any:
        return directives.unchanged

    def __len__(self) -> int:
        return 1


class _Forgiving(Directive):
    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = _Any()


class _Dropped(_Forgiving):
    def run(self) -> list[nodes.Node]:
        return []


class _Literal(_Forgiving):
    def run(self) -> list[nodes.Node]:
        text = "\n".join(self.content)
        return [nodes.literal_block(text, text)]


class _Change(_Forgiving):
    def run(self) -> list[nodes.Node]:
        version, _, rest = (self.arguments[0] if self.arguments else "").partition("\n")
        said = nodes.paragraph("", "", nodes.emphasis("", f"{CHANGES[self.name]} {version}."), nodes.Text(f" {rest}"))
        return [said, *_nested(self)]


class _Described(_Forgiving):
    """An object and what it does, an aside, anything else: its argument as a line, then its content."""

    def run(self) -> list[nodes.Node]:
        lines = [line for argument in self.arguments for line in argument.split("\n") if line.strip()]
        said = [nodes.paragraph("", "", nodes.literal("", line.strip())) for line in lines]
        return [*said, nodes.container("", *_nested(self))] if self.content else [*said]


def _nested(directive: Directive) -> list[nodes.Node]:
    holder = nodes.Element()
    directive.state.nested_parse(directive.content, directive.content_offset, holder)
    return list(holder.children)


def _directive(name: str) -> type[Directive]:
    if name in DROPPED:
        return _Dropped
    if name in LITERAL:
        return _Literal
    return _Change if name in CHANGES else _Described
