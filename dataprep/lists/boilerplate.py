"""Lines that are a page's machinery: counters and navigation, as patterns for RE2 in the spelling of Arrow.

RefinedWeb (arXiv:2306.01116, appendix G.2) names the kinds with an example each and publishes no list: these are ours.
"""

from __future__ import annotations

from typing import Final

_NUMBER: Final = r"[0-9０-９][0-9０-９.,，]*[\s\p{Z}]*(?:k|m|w|万|萬|千|亿|億)?\+?"
_COUNTED: Final = (
    "(?:likes?|comments?|repl(?:y|ies)|views?|shares?|retweets?|reposts?|votes?|upvotes?|followers?|following|posts?|"
    "reviews?|ratings?|downloads?|subscribers?|reactions?|claps?|favou?rites?|responses?|answers?|reads?|points?)"
)
_COUNTED_ZH: Final = (
    "(?:阅读量?|閱讀量?|点赞数?|點讚數?|点击量?|點擊|评论数?|評論|回复数?|回覆|回帖|浏览量?|瀏覽|收藏数?|转发|轉發|分享|"
    "粉丝|粉絲|关注|關注|播放量?|下载量?|下載|喜欢|喜歡|人气|人氣|推荐|推薦|赞|讚)"
)
_ONE: Final = (
    rf"(?:{_NUMBER}[\s\p{{Z}}]*{_COUNTED}|{_COUNTED}[\s\p{{Z}}]*[:：]?[\s\p{{Z}}]*[(（\[]?{_NUMBER}[)）\]]?|"
    rf"{_NUMBER}[\s\p{{Z}}]*(?:条|個|个|次|人|位)?[\s\p{{Z}}]*{_COUNTED_ZH}|"
    rf"{_COUNTED_ZH}[\s\p{{Z}}]*[:：]?[\s\p{{Z}}]*[(（\[]?{_NUMBER}[)）\]]?(?:次|人|条)?)"
)
COUNTER: Final = rf"(?i)\A{_ONE}(?:[\s\p{{Z}}·|,，/、•]+{_ONE})*[.。!]?\z"
"""One counter or several: `3 likes`, `1.2k views · 12 comments`, `阅读 1234`, `点赞(5)`, `12条评论`."""

_BEGIN: Final = (
    r"(?:sign[ -]?(?:in|up)|log[ -]?(?:in|out)|register (?:now|here|for free)|subscribe (?:now|to|for)|follow us|"
    r"share (?:this|on)|skip to|back to (?:top|home)|previous (?:post|article|page)|next (?:post|article|page)|"
    r"posted (?:by|in|on)|filed under|tagged (?:with|in)|leave a (?:comment|reply)|click here|you are here)\b|"
    r"(?:上一[篇页章条]|下一[篇页章条]|上一頁|下一頁|返回(?:顶部|首页|列表)|返回(?:頂部|首頁)|当前位置|您的位置|"
    r"扫码关注|扫一扫|分享到|责任编辑|版权所有)"
)
_END: Final = (
    r"\b(?:read more|continue reading|show more|load more|see more|view all|see all|learn more)|"
    r"(?:阅读全文|閱讀全文|查看全文|展开全文|查看更多|阅读更多|閱讀更多|加载更多|点击查看|了解更多)"
)
_ANYWHERE: Final = (
    r"\bitems? in (?:your )?(?:shopping )?(?:cart|basket|bag)\b|\badd to (?:cart|basket|wish ?list)\b|"
    r"\ball rights reserved\b|\bterms (?:of (?:use|service)|and conditions) *[|·]|\bprivacy policy *[|·]|"
    r"加入(?:购物车|購物車)|我的(?:购物车|購物車)|(?:购物车|購物車)[\s\p{Z}]*[(（\[0-9]|"
    r"登[录錄入][\s\p{Z}]*[|｜/·][\s\p{Z}]*(?:注册|註冊)|(?:注册|註冊)[\s\p{Z}]*[|｜/·][\s\p{Z}]*登[录錄入]"
)
NAVIGATION: Final = (
    rf"(?i)\A[\s\p{{P}}\p{{S}}]*(?:{_BEGIN})|(?:{_END})[\s\p{{P}}\p{{S}}]*\z|{_ANYWHERE}|"
    r"\A(?:登录|登錄|登入|注册|註冊|购物车|購物車)\z"
)
"""Where a line begins (`Sign in`), where it ends (`Read more...`), anywhere (`2 items in cart`)."""
