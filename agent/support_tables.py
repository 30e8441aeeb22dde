"""Small tables by hand for the judge: what WordNet's first senses miss, and Chinese words of like and opposite meaning.

Each line is one group. Chinese words have two characters, the index term that a page's text gives.
"""

from typing import Final

ALIKE_EN: Final = tuple(
    """
    begin start commence launch initiate
    end finish conclude terminate complete
    buy purchase acquire
    win victory winner champion title
    beat defeat
    film movie picture
    large big huge enormous
    small little tiny
    cause lead result trigger produce
    help assist aid support
    use utilize employ apply usage
    show demonstrate indicate suggest reveal
    important significant crucial key vital essential critical
    many numerous several multiple various
    happen occur
    reduce decrease lower diminish lessen
    increase rise grow raise boost
    doctor physician clinician
    child kid children infant
    illness disease disorder condition sickness
    drug medication medicine pharmaceutical
    car vehicle automobile
    job work employment occupation career
    country nation state
    law legislation statute
    found establish create set
    die death dead pass killed
    born birth
    live reside inhabit home
    direct director directed
    write author writer wrote written
    prevent avoid stop
    require need necessary must
    allow permit enable let
    change alter modify
    get obtain receive
    give provide offer supply
    choose select pick
    make create produce build construct
    improve enhance better
    keep maintain retain preserve
    believe think consider
    say state claim report announce tell
    method approach technique way strategy
    problem issue challenge difficulty
    effect impact influence consequence
    patient individual person people
    harm damage hurt injury
    fast quick rapid speed
    study research investigation trial
    rule regulation policy
    pay payment cost fee price expense
    test exam examination assessment
    include contain comprise consist involve
    treat treatment therapy
    teach education instruction learn
    company firm business corporation enterprise
    money fund finance financial
    food meal diet nutrition
    risk danger hazard
    us american america usa
    uk british britain
    chief ceo head leader president
    premiere release debut launch
    """.strip().splitlines()
)
OPPOSITE_EN: Final = tuple(
    """
    increase decrease
    increase reduce
    rise fall
    grow shrink
    rise drop
    raise lower
    higher lower
    more fewer
    more less
    most least
    before after
    first last
    win lose
    won lost
    always never
    allow forbid
    allow prohibit
    allow prevent
    enable disable
    include exclude
    accept reject
    accept refuse
    support oppose
    succeed fail
    successful unsuccessful
    success failure
    approve reject
    open close
    begin end
    start stop
    start finish
    buy sell
    import export
    north south
    northern southern
    east west
    eastern western
    largest smallest
    highest lowest
    longest shortest
    earliest latest
    oldest youngest
    biggest smallest
    best worst
    positive negative
    safe dangerous
    legal illegal
    possible impossible
    common rare
    old new
    hot cold
    high low
    long short
    large small
    strong weak
    fast slow
    early late
    above below
    inside outside
    male female
    maximum minimum
    majority minority
    add remove
    install uninstall
    encourage discourage
    profit loss
    left right
    true false
    require optional
    mandatory optional
    improve worsen
    gain lose
    upper lower
    all some
    all few
    all none
    many few
    every no
    both neither
    over under
    during after
    with without
    must may
    up down
    long brief
    major minor
    main minor
    primary secondary
    ancient modern
    domestic foreign
    rich poor
    easy difficult
    simple complex
    expensive cheap
    wide narrow
    warm cold
    young old
    war peace
    urban rural
    permanent temporary
    unique common
    often rarely
    usually rarely
    public private
    """.strip().splitlines()
)
ALIKE_ZH: Final = tuple(
    """
    增加 增长 上升 提高 提升 升高 上涨
    减少 降低 下降 减小 缩减 下跌
    导致 造成 引起 引发 致使
    使用 利用 采用 运用 应用
    因为 由于 原因
    重要 关键 主要
    帮助 有助 协助
    影响 作用
    发布 推出 公布 发行 发售 上市
    创建 建立 成立 创立 设立 创办
    开始 启动 开启
    结束 完成 终止
    购买 买入 采购
    获得 取得 得到 赢得
    需要 必须 须要
    认为 表示 指出 觉得
    电影 影片
    方法 方式 办法 途径
    问题 难题
    可以 能够 可能
    孩子 儿童 小孩
    医生 医师 大夫
    治疗 疗法 医治
    疾病 病症
    提供 给予 供给
    改变 变化 转变
    选择 挑选
    增强 加强 强化
    保护 防护
    出现 产生 发生
    包括 包含 涵盖
    大约 约为 左右
    喜欢 喜爱 热爱
    费用 成本 花费
    优势 优点 长处
    劣势 缺点 不足
    迅速 快速 急速
    美国 美利
    冠军 夺冠
    导演 执导
    """.strip().splitlines()
)
OPPOSITE_ZH: Final = tuple(
    """
    增加 减少
    增长 下降
    上升 下降
    上涨 下跌
    提高 降低
    升高 降低
    扩大 缩小
    允许 禁止
    支持 反对
    成功 失败
    胜利 失败
    最大 最小
    最高 最低
    最长 最短
    最早 最晚
    最多 最少
    多于 少于
    高于 低于
    大于 小于
    之前 之后
    以前 以后
    开始 结束
    打开 关闭
    启用 禁用
    进口 出口
    买入 卖出
    南部 北部
    东部 西部
    南方 北方
    东方 西方
    正确 错误
    优点 缺点
    优势 劣势
    有利 不利
    安全 危险
    合法 非法
    容易 困难
    简单 复杂
    盈利 亏损
    接受 拒绝
    同意 拒绝
    加强 削弱
    促进 抑制
    内部 外部
    白天 夜晚
    男性 女性
    公开 保密
    必须 无需
    上游 下游
    超过 低于
    超过 不足
    超过 不到
    至少 至多
    所有 部分
    全部 部分
    唯一 众多
    经常 很少
    总是 从不
    总是 偶尔
    有利 有害
    有害 有益
    有益 无益
    必需 可选
    相同 不同
    直接 间接
    永久 临时
    古代 现代
    国内 国外
    城市 农村
    富裕 贫穷
    昂贵 便宜
    早期 晚期
    前者 后者
    出生 去世
    加入 退出
    上任 卸任
    批准 否决
    通过 否决
    肯定 否定
    赞成 反对
    战争 和平
    胜利 战败
    冠军 亚军
    第一 第二
    重要 次要
    主要 次要
    大 小
    高 低
    多 少
    长 短
    早 晚
    前 后
    上 下
    南 北
    东 西
    左 右
    内 外
    强 弱
    胜 败
    输 赢
    增 减
    升 降
    涨 跌
    买 卖
    男 女
    先 后
    新 旧
    好 坏
    快 慢
    优 劣
    正 负
    生 死
    进 出
    第一 最后
    快速 缓慢
    减轻 加重
    改善 恶化
    主动 被动
    积极 消极
    有效 无效
    """.strip().splitlines()
)
