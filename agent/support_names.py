"""Chinese names that no capital letter shows: places by a list, persons by their surname."""

from typing import Final

SURNAMES: Final = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎"
    "余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段钱汤尹黎易常武乔贺赖龚文"
)
PLACES: Final = frozenset(
    """
    北京 天津 上海 重庆 河北 山西 辽宁 吉林 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南 广东 海南 四川
    贵州 云南 陕西 甘肃 青海 台湾 广西 西藏 宁夏 新疆 香港 澳门 内蒙 黑龙 石家 太原 沈阳 长春 哈尔 南京
    杭州 合肥 福州 南昌 济南 郑州 武汉 长沙 广州 海口 成都 贵阳 昆明 西安 兰州 西宁 台北 南宁 拉萨 银川
    乌鲁 呼和 深圳 青岛 大连 厦门 宁波 苏州 无锡 常州 温州 东莞 佛山 珠海 中山 惠州 泉州 烟台 威海 潍坊
    唐山 保定 洛阳 开封 宜昌 襄阳 岳阳 桂林 三亚 绵阳 遵义 大理 丽江 咸阳 延安 敦煌 徐州 扬州 镇江 南通
    嘉兴 绍兴 金华 台州 芜湖 九江 赣州 汕头 中国 美国 英国 法国 德国 日本 韩国 朝鲜 印度 越南 泰国 缅甸
    老挝 蒙古 伊朗 伊拉 以色 埃及 土耳 希腊 荷兰 瑞士 瑞典 挪威 芬兰 丹麦 波兰 捷克 奥地 匈牙 西班 葡萄
    意大 俄罗 乌克 巴西 阿根 智利 秘鲁 古巴 墨西 加拿 澳大 新西 南非 肯尼 尼日 摩洛 新加 马来 菲律 印尼
    比利 爱尔 东京 大阪 京都 首尔 曼谷 河内 新德 孟买 纽约 洛杉 芝加 旧金 波士 伦敦 巴黎 柏林 慕尼 罗马
    米兰 马德 巴塞 莫斯 悉尼 墨尔 多伦 温哥 开罗 亚洲 欧洲 非洲 北美 南美 长江 黄河 珠江 淮河
    """.split()
)
"""By their first two characters."""


def places_in(text: str) -> frozenset[str]:
    return frozenset(pair for at in range(len(text) - 1) if (pair := text[at : at + 2]) in PLACES)
