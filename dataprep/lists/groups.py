"""Patterns built in: what is left of a page's machinery in its text. Phrases, so that they cost no more than a list."""

from __future__ import annotations

from typing import Final, Literal

Group = Literal["html_remnants", "hyperlinks", "template", "cookie"]

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "html_remnants": (
        "&nbsp;", "&amp;", "&lt;", "&gt;", "&quot;", "&apos;", "&#39;", "&#34;", "&#160;", "&#8217;", "&ldquo;",
        "&rdquo;", "&lsquo;", "&rsquo;", "&mdash;", "&ndash;", "&hellip;", "&middot;", "&copy;", "&raquo;", "&laquo;",
        "<br>", "<br/>", "<br />", "</br>", "<hr>", "<hr/>", "<hr />", "<p>", "<p", "</p>", "<div", "</div>", "<span",
        "</span>", "<a href", "</a>", "<img", "<td", "</td>", "<tr", "</tr>", "<table", "</table>", "<li", "</li>",
        "<ul", "</ul>", "<ol", "</ol>", "<h1", "<h2", "<h3", "</h1>", "</h2>", "</h3>", "<strong>", "</strong>", "<b>",
        "</b>", "<em>", "</em>", "<i>", "</i>", "<font", "</font>", "<iframe", "</iframe>", "<script", "</script>",
        "<style", "</style>", "<input", "<button", "</button>", "<!--", "-->", "<![cdata[", "onclick=", "class=\"",
        "style=\"", "href=\"",
    ),
    "hyperlinks": (
        "http://", "https://", "http://www.", "https://www.", "www.", "ftp://", "mailto:",
    ),
    "template": (
        "{{", "}}", "{%", "%}", "<%", "%>", "${", "<?php", "[[", "]]", "[if ie]", "[if lt ie", "[endif]", "[caption",
        "[/caption]", "[gallery", "[embed]", "[/embed]", "[vc_row", "[/vc_row", "[et_pb_", "%s", "lorem ipsum",
        "dolor sit amet", "[object object]", "read more", "continue reading", "show more", "load more", "click here",
        "back to top", "skip to content", "skip to main content",
        "阅读全文", "阅读更多", "查看更多", "查看全文", "展开全文", "点击查看", "点击这里", "返回顶部", "加载更多",
        "閱讀全文", "閱讀更多", "查看更多", "返回頂部",
        "weiterlesen", "mehr lesen", "mehr erfahren", "mehr anzeigen", "nach oben", "zum inhalt springen",
        "lire la suite", "en savoir plus", "lire plus", "voir plus", "cliquez ici", "aller au contenu",
        "leer más", "seguir leyendo", "ver más", "haz clic aquí", "saltar al contenido",
        "leggi tutto", "continua a leggere", "scopri di più", "clicca qui", "vai al contenuto",
        "leia mais", "ler mais", "continue lendo", "saiba mais", "clique aqui",
        "lees meer", "lees verder", "czytaj więcej", "czytaj dalej", "читать далее", "читать полностью", "подробнее",
        "続きを読む", "もっと見る", "더 보기", "자세히 보기", "devamını oku",
    ),
    "cookie": (
        "use cookies", "uses cookies", "using cookies", "use of cookies", "accept cookies", "accept all cookies",
        "reject all cookies", "cookie policy", "cookie settings", "cookie preferences", "cookie consent",
        "cookie notice", "manage cookies", "manage consent", "necessary cookies", "third-party cookies",
        "gdpr cookie", "your consent preferences",
        "使用cookie", "使用 cookie", "使用cookies", "使用 cookies", "接受cookie", "接受cookies", "接受所有cookie",
        "接受所有 cookie", "cookie政策", "cookie 政策", "cookies政策", "cookies 政策", "cookie设置", "cookie 设置",
        "使用 cookie 來", "接受所有 cookies", "管理cookie", "管理 cookie",
        "verwendet cookies", "verwenden cookies", "nutzt cookies", "nutzen cookies", "einsatz von cookies",
        "verwendung von cookies", "cookies akzeptieren", "cookies zulassen", "cookie-einstellungen",
        "cookie-richtlinie", "notwendige cookies",
        "utilise des cookies", "utilisons des cookies", "utilisation de cookies", "utilisation des cookies",
        "accepter les cookies", "politique de cookies", "politique relative aux cookies", "gérer les cookies",
        "paramètres des cookies",
        "utiliza cookies", "utilizamos cookies", "usa cookies", "usamos cookies", "uso de cookies", "aceptar cookies",
        "aceptar todas las cookies", "política de cookies", "configuración de cookies",
        "utilizza cookie", "utilizza i cookie", "utilizziamo i cookie", "utilizziamo cookie", "uso dei cookie",
        "accetta i cookie", "informativa sui cookie", "cookie tecnici",
        "utilização de cookies", "aceitar cookies", "aceitar todos os cookies", "definições de cookies",
        "gebruik van cookies", "gebruikt cookies", "gebruiken cookies", "cookies accepteren", "cookiebeleid",
        "plików cookie", "plików cookies", "pliki cookie", "pliki cookies", "polityka cookies",
        "файлы cookie", "файлов cookie", "файлы куки", "çerez politikası", "çerezleri kullanıyoruz",
        "cookieを使用", "cookie を使用", "クッキーを使用", "cookieポリシー", "쿠키를 사용", "쿠키 정책",
    ),
}  # fmt: skip
"""By name; in lower case, a space stands for any white space."""
