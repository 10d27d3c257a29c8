"""Adverts in Chinese text: phrases that ask for contact, and words of trades that spam, however they are spelled.

Texts are matched in a plain spelling: full-width forms as ASCII, lower case, traditional forms and look-alikes of the
phrases' characters as the ones that are meant, up to three spaces, dots, stars, hearts or other signs between two
characters left out (`加 微❤信`). Punctuation of sentences and line breaks are never left out.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

import numpy as np

from dataprep.text import tables
from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, TextBuffers
from dataprep.text.utf8 import code_point, width

CONTACT: Final = """
加微信 加我微信 加v信 加vx 加v 加wx 加威信 加企微 微信号 微信同号 威信号 v信 vx v心 wx号 wx同号 +微信 +vx +v信
+wx 添加微信 联系微信 客服微信 老师微信 咨询微信 微信咨询 微信扫码 微信搜索 微信搜一搜 微信联系 微信添加 加微
手机微信 qq群 加qq +qq qq号 加q群 加扣扣 扣扣群 加群 加好友 添加好友 进群 拉你进群 群号 交流群 扫码加 扫码添加
扫码进群 扫码领取 扫码咨询 扫码关注 扫描二维码 扫一扫 识别二维码 长按识别 长按二维码 扫下方二维码 咨询热线
咨询电话 服务热线 热线电话 招商热线 加盟热线 订购热线 订购电话 联系电话 全国热线 24小时热线 客服热线 客服电话
电话微信 免费咨询 在线咨询 点击咨询 立即咨询 欢迎咨询 来电咨询 联系客服 在线客服 私信我 私聊我 私我领取 后台私信
关注公众号 关注微信 微信公众号 公众号回复 telegram群 加飞机 纸飞机 加蝙蝠 whatsapp
"""
"""Contact bait. What is all ASCII (`vx` is a speed, too) only with a number or name behind it."""

SPAM: Final = """
百家乐 时时彩 六合彩 北京赛车 幸运飞艇 澳门威尼斯人 葡京 真人荷官 棋牌 博彩 彩票平台 购彩 投注 下注 返水 娱乐城
注册送 首存 首充 送彩金 彩金 老虎机 龙虎斗 滚球 赔率 开户送 现金网 开奖结果 特码 一肖 计划群 皇冠体育 体育平台
裸聊 约炮 一夜情 同城约 高清无码 成人视频 成人电影 成人网 激情视频 黄色网 楼凤 援交 上门服务 丝袜美腿 无痛人流
人流医院 早泄 阳痿 白癜风 牛皮癣 妇科医院 男科医院 不孕不育 祖传秘方 药到病除 减肥药 祛斑 丰胸 壮阳 增高药
尖锐湿疣 癫痫医院 近视手术 植发 催情 迷药 代开发票 办证 刻章 假证 代写论文 论文代写 代发论文 代孕 信用卡套现
套现 无抵押 网贷 小额贷款 贷款公司 秒批 高仿 精仿 复刻手表 a货 一手货源 厂家直销 厂家批发 批发价 诚招代理 招代理
招商加盟 加盟费 加盟店 日赚 日入 月入过万 躺赚 刷单 兼职日结 在家赚钱 稳赚 包赚 荐股 牛股 带单 跟单 返利 优惠券
领券 限时抢购 全网最低 史上最低 包邮 秒杀价 哪家好 多少钱 价格表 排名第一 十大品牌 口碑好 信誉第一 专业团队
欢迎来电 欢迎选购 竭诚为您服务 搬家公司 疏通下水道 开锁公司 外挂 私服 辅助器 破解版 免费下载 免费观看 在线观看
高清在线 全集下载 最新章节 无弹窗 txt下载 磁力链接 迅雷下载
"""
"""Words of gambling, sex, quack medicine, forgery, loans, trade and downloads."""

_ALIKE: Final = {
    "微": "薇徽葳溦黴", "信": "伩訫", "号": "號", "码": "碼", "识": "識", "别": "別", "维": "維", "询": "詢",
    "咨": "諮", "热": "熱", "线": "線", "电": "電", "话": "話", "联": "聯", "系": "係繫", "关": "關", "众": "眾衆",
    "扫": "掃", "长": "長", "费": "費", "务": "務", "订": "訂", "购": "購", "贷": "貸", "发": "發", "无": "無旡",
    "乐": "樂", "时": "時", "彩": "綵", "赛": "賽", "车": "車", "运": "運", "飞": "飛", "娱": "娛", "万": "萬",
    "单": "單", "办": "辦", "证": "證証", "开": "開", "论": "論", "药": "藥", "医": "醫", "团": "團", "队": "隊",
    "质": "質", "价": "價", "钱": "錢", "门": "門", "视": "視", "频": "頻", "观": "觀", "载": "載", "网": "網",
    "赚": "賺", "领": "領", "进": "進", "群": "羣", "加": "➕", "q": "ԛ", "v": "Ⅴⅴ∨ｖ", "x": "Ⅹⅹ✘×",
}  # fmt: skip
"""Traditional forms, look-alikes and emoji of the phrases' characters."""

_GAP: Final = 3
"""Most characters left out between two of a phrase."""
_NEAR: Final = 6
"""Most characters between a phrase and the number or name it asks to be contacted at."""
_NUMBER: Final = 5
"""Fewest letters and digits of it."""
_IGNORED: Final = 1
_ASCII: Final = 2

_SLOTS_BITS: Final = 14
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class Phrases(NamedTuple):
    """A trie of phrases in plain spelling."""

    spelled: Int32s
    """int32[0x110000]: the plain spelling of each character; 0: none, it ends any phrase; -1: left out."""
    keys: Int64s
    """int64[slots]: node << 21 | character; -1: free."""
    nodes: Int32s
    """int32[slots]: the node that a key leads to."""
    kinds: Bytes
    """uint8[nodes]: 1: a phrase of `CONTACT` ends here, 3: one of ASCII alone, 2: one of `SPAM`."""
    begins: Bytes
    """uint8[0x110000]: whether a phrase begins with a character that is spelled so."""


def _spelled() -> Int32s:
    classes = tables.classes()
    table = np.arange(0x110000, dtype=np.int32)
    table[:0x80] = [ord(chr(c).lower()) for c in range(0x80)]
    table[0xFF01:0xFF5F] = table[0x21:0x7F]
    table[classes < tables.LETTER] = -1
    table[[ord(c) for c in "\n\r，。！？；：、（）()[]{}<>《》「」『』【】“”\"',.!?;:"]] = 0
    table[[ord(c) for c in ".·•*-_~|/ 　"]] = -1
    for plain, alike in _ALIKE.items():
        table[[ord(c) for c in alike]] = ord(plain)
    table[[ord("+"), ord("＋")]] = ord("+")
    return table


@cache
def contact_and_spam() -> Phrases:
    """The trie of the phrases above; read-only. About 60 ms, once per process."""
    spelled = _spelled()
    slots = 1 << _SLOTS_BITS
    keys, nodes = np.full(slots, -1, np.int64), np.zeros(slots, np.int32)
    known: dict[tuple[int, int], int] = {}
    kinds = [0]
    begins = np.zeros(0x110000, np.uint8)
    for kind, phrases in ((1, CONTACT), (2, SPAM)):
        for phrase in phrases.split():
            node = 0
            for c in phrase:
                step = node, int(spelled[ord(c)])
                if step not in known:
                    known[step] = len(kinds)
                    kinds.append(0)
                node = known[step]
            kinds[node] = kinds[node] or (3 if kind == 1 and phrase.isascii() else kind)
    for (parent, letter), target in known.items():
        key = parent << 21 | letter
        slot = (key * int(_SPREAD) & (1 << 64) - 1) >> (64 - _SLOTS_BITS)
        while keys[slot] >= 0:
            slot = (slot + 1) % slots
        keys[slot], nodes[slot] = key, target
        if parent == 0:
            begins[spelled == letter] = 1
    made = Phrases(spelled, keys, nodes, np.array(kinds, np.uint8), begins)
    for table in made:
        table.setflags(write=False)
    return made


@inlined
def _alphanumeric(c: Int) -> bool:
    """Whether a plain spelling is an ASCII letter or digit."""
    return bool(0x61 <= c <= 0x7A or 0x30 <= c <= 0x39)


@kernel
def _next(keys: Int64s, nodes: Int32s, node: Int, c: Int) -> Int:
    """The node behind `node` at `c`; 0 if there is none."""
    key = node << 21 | c
    slot = np.int64((np.uint64(key) * _SPREAD) >> np.uint64(64 - _SLOTS_BITS))
    while keys[slot] >= 0:
        if keys[slot] == key:
            return np.int64(nodes[slot])
        slot = (slot + 1) & ((1 << _SLOTS_BITS) - 1)
    return np.int64(0)


@kernel
def _count(
    offsets: Int64s,
    data: Bytes,
    chosen: Bytes,
    spelled: Int32s,
    keys: Int64s,
    nodes: Int32s,
    kinds: Bytes,
    begins: Bytes,
    out: Int64s,
) -> None:
    for d in range(offsets.size - 1):
        if not chosen[d]:
            continue
        i: Int = offsets[d]
        stop = offsets[d + 1]
        contact = np.int64(0)
        spam = np.int64(0)
        before = np.int64(0)  # plain spelling of the character right before
        while i < stop:
            w = width(data, i, stop)
            raw = code_point(data, i, w)
            if not begins[raw]:
                before = np.int64(spelled[raw])
                i += w
                continue
            # The longest phrase from here on.
            c = np.int64(spelled[raw])
            kind = np.uint8(0)
            finish: Int = i + w
            if not (_alphanumeric(c) and _alphanumeric(before)):
                node = _next(keys, nodes, np.int64(0), c)
                j: Int = i + w
                gap = 0
                while j < stop and node:
                    v = width(data, j, stop)
                    s = np.int64(spelled[code_point(data, j, v)])
                    if s == -1:
                        gap += 1
                        if gap > _GAP:
                            break
                        j += v
                        continue
                    node = _next(keys, nodes, node, s) if s else np.int64(0)
                    j += v
                    gap = 0
                    if node and kinds[node]:
                        # A phrase that ends with a letter ends where letters do: `v信`, not `vxlan`.
                        after = np.int64(0)
                        if j < stop:
                            after = np.int64(spelled[code_point(data, j, width(data, j, stop))])
                        if not (_alphanumeric(s) and 0x61 <= after <= 0x7A):
                            kind = kinds[node]
                            finish = j
            if kind & 1:
                contact += np.int64(kind == 1)
                # A number or a name right behind it: no mere mention.
                j = finish
                near = 0
                run = 0
                digits = np.int64(0)
                while j < stop and near <= _NEAR:
                    v = width(data, j, stop)
                    s = np.int64(spelled[code_point(data, j, v)])
                    if _alphanumeric(s):
                        run += 1
                        digits += np.int64(s <= 0x39)
                        if run >= _NUMBER and digits > 1:
                            contact += np.int64(1 + (kind == 3))
                            break
                    elif s != -1 or run == 0:
                        run = 0
                        digits = np.int64(0)
                        near += 1
                    if run > 24 or data[j] == 0x0A:
                        break
                    j += v
            elif kind == 2:
                spam += 1
            before = c if finish == i + w else np.int64(0)
            i = finish
        out[0, d] = contact
        out[1, d] = spam


def bait(text: TextBuffers, chosen: Bytes) -> tuple[Int64s, Int64s]:
    """(int64[documents], int64[documents]): contact baits, one with a number behind it counted twice, and spam words.

    The longest phrase from the left each time; 0 where `chosen` (uint8[documents]) is 0.
    """
    out = np.zeros((2, len(text.offsets) - 1), np.int64)
    _count(text.offsets, text.data, chosen, *contact_and_spam(), out)
    return out[0], out[1]


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    bait(text, np.ones(len(text.offsets) - 1, np.uint8))
