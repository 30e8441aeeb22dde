"""What a question asks for: its terms with their weights, its synonyms, and what kind of answer it wants."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from typing import Literal

from agent.question import Question
from agent.support_words import alike
from tools.text import STOP_WORDS, fold, joined_words, words

Kind = Literal["how_to", "who", "when", "how_many", "how_long", "where", "why", "definition", "other"]

_SHORT_FOLLOW_UP = 3.0
"""Words up to which a question with a history counts as a follow-up ("and on a laptop?")."""
_EARLIER = 0.5
_MOST_NEAR = 12
_BEGINNING, _END = 300, 300  # characters of a long question
GENERIC = 0.35
"""Weight of a word that many questions hold and that few answers repeat ("best", "区别")."""
_SUBJECT, _LIFTED = 2, 0.9  # words that make a subject; their weight when all of them are generic

_GENERIC_EN = """
use find want need way best good better thing work difference different mean meaning list change set add
create make get know kind type example possible available recommend recommended step help tell explain
describe understand information option new currently current default main purpose important number several
various show check see view look give keep let do done try allow provide support supported exist contain
include call name named start happen first last next many much actually really exactly correct correctly
properly easy easily safely quickly user people person someone system computer machine command tool program
software file problem issue error solve fix reason role between forgot forgotten advantage own specific
term word refer referred amount percentage figure typically generally commonly approximately originally
together without within using via another whole entire existing given become take put turn bring come go lot
sort every daily against around along certain stand long short big small high low
""".split()
_GENERIC_ZH = """
使用 方法 查看 检查 区别 不同 作用 步骤 方式 哪种 推荐 建议 意思 含义 解释 介绍 说明 简述 列出 用来 用于
问题 解决 办法 情况 功能 用途 默认 缺省 支持 提供 包含 包括 名称 叫做 主要 重要 目前 当前 现在 新的 最新
最好 正确 安全 快速 简单 工具 程序 软件 命令 系统 电脑 计算 算机 机器 文件 用户 信息 时间 原因 目的 优点
缺点 特点 管理 操作 实现 完成 开始 添加 创建 修改 更改 设置 配置 选择 发生 出现 处理 工作 相关 具体 忘记
办理 通常 一般 常见 常用 存在 得到 获得 知道 了解 想知 认识 让我 帮我 给我 上的 中的
""".split()
_SYNONYMS = """
delete remove uninstall purge erase
find search locate
setup configure configuration set
wifi wireless wlan wi-fi
boot start startup
shutdown poweroff halt
update upgrade
folder directory
picture image
error failure problem
install installation
password passphrase
account user
disk drive
begin start
buy purchase
fix repair recover
cost price
found founder founded create creator established start
big large
die died dying death dead
birth born
sign signature
marry marriage wed
win won winner
discover discovery
invent invention inventor
difference differ
genuine authentic
intruder attacker intrusion
hack compromise
fix static
machine computer host
memory ram
add create
check verify
show display
guide manual
block filter
share export
speed fast performance
limit restrict quota
删除 卸载 移除 清除
升级 更新
配置 设置 设定 调整
目录 件夹
账户 帐户 用户 账号 帐号
密码 口令 密语
无线 wifi wi-fi wlan
内核 核心
启动 引导 开机
关闭 关机
电脑 算机
打开 开启 启用
停用 禁用 关闭
默认 缺省 预设
方法 办法 方式
区别 差异 不同 差别
创建 建立 新建 新增 创立 成立 创办 发起
创建 添加
添加 增加 加入
修改 更改 改变 变更
查找 搜索 查询 寻找
显示 列出 查看
恢复 修复 还原
优点 优势 好处
缺点 劣势
硬盘 磁盘
验证 校验 检验
固定 静态
入侵 攻击
共享 分享
图片 图像
字体 字型
限制 配额
原因 因为
伺服 服务
服器 务器
用者 用户
记忆 内存
忆体 内存
硬碟 硬盘
网路 网络
软体 软件
档案 文件
程式 程序
模组 模块
载入 加载
印表 打印
列印 打印
表机 印机
套件 件包
连线 连接
荧幕 屏幕
滑鼠 鼠标
资料 数据
料夹 目录
登入 登录
指令 命令
式码 代码
始码 源码
割区 分区
支援 支持
位址 地址
介面 界面 接口
视窗 窗口
存档 保存
""".strip().splitlines()

_KINDS: dict[Kind, re.Pattern[str]] = {
    "how_long": re.compile(r"\bhow (?:long|often)\b|多久|多长时间|多少(?:天|年|个?月|小时|分钟)|几年"),
    "how_many": re.compile(
        r"\bhow (?:many|much|old|large|big|far)\b|多少|几个|几种|多长|多大"
        r"|(?:数量|人数|次数)(?:是(?:什么|多少)?)?\W*$"
    ),
    "how_to": re.compile(r"\bhow (?:do|can|to|should|does|would|could)\b|\bsteps? to\b|如何|怎么|怎样|步骤|咋"),
    "when": re.compile(
        r"\bwhen\b|\b(?:what|which) (?:year|date|day|time|month|century|decade)\b|\bwhat (?:is|was) the (?:\w+ )?date\b"
        r"|何时|什么时候|哪一?年|哪天|几月|什么时间|(?:时间|日期)(?:是(?:什么|多少)?)?\W*$"
    ),
    "who": re.compile(r"\bwho(?:se|m)?\b|谁|哪位|何人|什么人"),
    "where": re.compile(r"\bwhere\b|哪里|哪儿|何处|什么地方|在哪"),
    "why": re.compile(r"\bwhy\b|为什么|为何|原因"),
    "definition": re.compile(
        r"^(?:so |and )?what(?:'s| is| are| does)\b|\bdefine\b|是什么|什么是|何为|何谓|是指|什么意思"
    ),
}
"""The first that fits decides."""
# What a Chinese question says besides its subject: cut out before bigrams are formed across it.
_ASKING_ZH = re.compile(
    "什么时候|什么地方|什么时间|为什么|是什么意思|什么意思|有什么|是什么|什么是|什么样的?|什么|有哪些|有哪几种|有几种|哪些|哪一个"
    "|哪个|哪种|哪里|哪儿|哪位|哪一?年|哪|如何|怎么样|怎么办|怎么|怎样|咋|多少个?|多久|多长|多大|几个|几种|是否|能否|可否"
    "|可不可以|能不能|是不是|有没有|可以|需要|应该|应当|请问|(?<!申)请(?!假|求|柬|帖)|谁|何时|何处|为何|何为|何谓|是指|我想知道|我想要?|我要|告诉我"
    "|帮我|给我|我的|我|你|您|吗|呢|吧|啊|(?<!目)的|了(?!解)|是|(?<![存现潜])在(?!线)|(?<![饱总共])和(?!平|谐)|而|(?<![使应费信作占调引通专启禁可常利采租运停试套雇])用(?![户途法于来品量])|(?<!参)与|或|(?<![涉普])及(?!时|格)|把|被|让"
    "|对于|关于|(?<![针相绝核比面应])对(?!象|比|话|称|等|齐)|从|(?<![收得迟报])到(?!期|达)|里面|(?<!公)里(?!程)|之间|以及|一下|一个|一种|这个|那个|这|那|该|时候|之后|之前"
    "|以后|以前|(?<![社机协工国大员学开])会(?!议|话|员|计)|(?<![主重需必只摘概纪])要(?!求|素|点)|(?<![功性可节智技职才效核阳])能(?!力|量|源)|(?<![没所拥国私含现占专])有(?!线|效|限|关|序)"
    "|(?<![集其])中(?![文国心间央断止部])|不(?!同)"
)
# The same for English.
_ASKING_EN = re.compile(
    r"\b(?:another|other|the|a|an|which|what) (?:term|word|name|expression|phrase)s?"
    r" (?:(?:that is|that are|is|are|was|were)? ?(?:used|given) )?(?:for|of|to)\b"
    r"|\banother way (?:of|to) (?:referring to|refer to|saying|say|describing|describe|calling|call)\b"
    r"|\baccording to\b|\bin (?:general|particular)\b|\b(?:generally|typically|usually|commonly|normally|often)\b",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"\bhow (?:many|much)\s+(?P<latin>\w+(?: \w+)?)|(?:多少|几)[个种台次名位条]?的?\s*(?P<han>[\u4e00-\u9fff]{2,4}|\w+)"
)
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_PLAIN = "A-Za-z0-9"
_WORD = f"(?:(?![{_HAN}])[^\\W_])+"
_LITERAL = re.compile(rf"(?<!\w)(?:--?[a-z][a-z-]+|(?:/[{_PLAIN}._-]+)+|[{_PLAIN}_]+(?:[._/-][{_PLAIN}_]+)+)")
_TOKEN = re.compile(rf"(?P<han>[{_HAN}]+)|(?P<latin>{_WORD}(?:[-./@:'’+]{_WORD})*(?:\+\+|\#)?)")


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that the pages should speak of. forms: index terms, any of which will do, the question's own first;
    parts: of a compound ("wi-fi", "etc/fstab"), which together stand for the whole; name: whether it names a thing;
    joined: the term and its neighbour in the question as one word ("add a user": `adduser`), which stands for both;
    weak: words of near meaning in some of its senses, which count for little."""

    forms: tuple[str, ...]
    weight: float
    parts: tuple[str, ...] = ()
    name: bool = False
    joined: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sought:
    """terms: Latin words one by one and Chinese bigrams; runs: for each Chinese run the places of its bigrams in
    `terms`, so that a run's coverage can be counted by characters; literals: strings that are looked for as they
    are ("--purge", "/etc/fstab"); numbered: places of a name and the number behind it ("Windows 11"); counted: forms
    of what is counted ("how much memory")."""

    terms: tuple[Term, ...]
    runs: tuple[tuple[int, ...], ...]
    kind: Kind
    literals: tuple[str, ...] = ()
    numbered: tuple[tuple[int, int], ...] = ()
    counted: frozenset[str] = frozenset()

    @property
    def forms(self) -> frozenset[str]:
        return frozenset(form for term in self.terms for form in (*term.forms, *term.parts, *term.joined, *term.weak))


def kind_of(question: str) -> Kind:
    folded = fold(question)
    return next((kind for kind, pattern in _KINDS.items() if pattern.search(folded)), "other")


@cache
def _forms_by_term() -> dict[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {}
    for line in _SYNONYMS:
        group = [words(word) for word in line.split()]
        forms = tuple(dict.fromkeys(terms[0] for terms in group))
        for form in forms:
            groups[form] = tuple(dict.fromkeys((*groups.get(form, ()), *forms)))
    return groups


@cache
def _generic() -> frozenset[str]:
    return frozenset(term for word in (*_GENERIC_EN, *_GENERIC_ZH) for term in words(word))


def sought(question: Question) -> Sought:
    """What to look for; a short follow-up also takes up what the question before it was about."""
    now = _sought(question.text, 1.0)
    if not question.history or _words_of(now) > _SHORT_FOLLOW_UP:
        return now
    return _joined(now, _sought(question.history[-1].question, _EARLIER))


def _sought(text: str, weight: float) -> Sought:
    plain = _ASKING_EN.sub(" ", unicodedata.normalize("NFKC", _asking_part(text)))
    terms: list[Term] = []
    runs: list[tuple[int, ...]] = []
    numbered: list[tuple[int, int]] = []
    spelled: dict[int, str] = {}
    for found in _TOKEN.finditer(plain):
        if found["han"]:
            for run in _runs_of(found["han"]):
                runs.append(tuple(range(len(terms), len(terms) + len(run))))
                terms += [_term(bigram, weight) for bigram in run]
            continue
        term = _latin(found["latin"], weight, is_name=_is_name(plain, found))
        if term is not None and all(term.forms[0] != other.forms[0] for other in terms):
            if term.forms[0][0].isdigit() and terms and terms[-1].name:
                numbered.append((len(terms) - 1, len(terms)))
            spelled[len(terms)] = found["latin"]
            terms.append(term)
    for at in spelled.keys() & {place - 1 for place in spelled}:
        joined = tuple(joined_words(f"{spelled[at]} {spelled[at + 1]}"))
        terms[at], terms[at + 1] = (replace(term, joined=term.joined + joined) for term in terms[at : at + 2])
    literals = tuple(_LITERAL.findall(plain))
    terms = _lifted(terms, weight)
    if kind_of(text) == "how_to":  # a step is found by the very words of its command
        terms = [replace(term, weak=()) for term in terms]
    return Sought(tuple(terms), tuple(runs), kind_of(text), literals, tuple(numbered), _counted(plain))


def _lifted(terms: list[Term], weight: float) -> list[Term]:
    """Generic words are all that a question is about when it holds no others but a name ("add a user in Debian")."""
    spoken = [term for term in terms if not term.name]
    if len(spoken) < _SUBJECT or any(term.weight >= weight for term in spoken):
        return terms
    return [term if term.name else replace(term, weight=_LIFTED * weight) for term in terms]


def _counted(text: str) -> frozenset[str]:
    """The forms of the words right behind "how many" and 多少, with their synonyms."""
    found = _COUNTED.search(fold(text))
    if found is None:
        return frozenset()
    named = [term for term in words(found["latin"] or found["han"] or "") if term not in STOP_WORDS]
    return frozenset(form for term in named for form in _term(term, 1.0).forms)


def _asking_part(text: str) -> str:
    """Of a long text what stands at its ends: there the question is, and the time stays bounded."""
    if len(text) <= _BEGINNING + _END:
        return text
    return f"{text[:_BEGINNING]}\n{text[-_END:]}"


def _runs_of(han: str) -> Iterator[list[str]]:
    """The bigrams of each run that is left when the asking words are cut out; a lone character tells nothing."""
    for run in _ASKING_ZH.sub(" ", fold(han)).split():
        if len(run) > 1:
            yield words(run)


def _words_of(asked: Sought) -> float:
    """Latin words and Chinese words of two characters."""
    in_runs = sum(map(len, asked.runs))
    return len(asked.terms) - in_runs + sum((len(run) + 1) / 2 for run in asked.runs)


def _joined(now: Sought, earlier: Sought) -> Sought:
    shift = len(now.terms)
    runs = tuple(tuple(at + shift for at in run) for run in earlier.runs)
    kind = earlier.kind if now.kind == "other" else now.kind
    literals = now.literals + earlier.literals
    return Sought(now.terms + earlier.terms, now.runs + runs, kind, literals, now.numbered, now.counted)


def _latin(token: str, weight: float, is_name: bool) -> Term | None:
    first, *parts = words(token)
    if first in STOP_WORDS or (len(first) == 1 and first not in "cr" and not first.isdigit()):
        return None
    term = _term(first, weight)
    return Term(term.forms, term.weight, tuple(parts), is_name, weak=() if is_name else _weak(term))


def _weak(term: Term) -> tuple[str, ...]:
    near = (other for other in alike(term.forms[0]) if other not in term.forms and other not in STOP_WORDS)
    return tuple(islice(near, _MOST_NEAR))


def _is_name(text: str, found: re.Match[str]) -> bool:
    """A capital letter inside a sentence, a digit, or Latin letters in Chinese."""
    token = found["latin"]
    starts = not re.search(r"[\w]", text[: found.start()])
    return any(c.isdigit() for c in token) or any(c.isupper() for c in token[1:]) or (token[0].isupper() and not starts)


def _term(form: str, weight: float) -> Term:
    factor = GENERIC if form in _generic() else 1.0
    return Term((form, *(other for other in _forms_by_term().get(form, ()) if other != form)), weight * factor)
