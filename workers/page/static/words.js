// What the page says, in English and Chinese; and what the service's words for programs mean to people.

const EN = {
  skip: "Go to the question", nav: "Page", new: "New", history: "History", theme: "Dark or light", logout: "Log out",
  history_where: "The list is kept in this browser only.", history_clear: "Clear the list", history_none: "Nothing yet.", history_key: "The answers that the service keeps for your key, on all your devices.", history_more: "Earlier answers", history_drop: "Delete: {question}", forget_answer: "Delete this answer", forget_answer_sure: "Delete this answer with the pages kept for it?", forgotten_now: "Deleted.",
  login_title: "Log in with your key", key: "Key", login: "Log in", files: "Files",
  lead: "Ask. Watch what is searched and read. Open the sentence that proves each statement.",
  question: "Your question", depth: "Depth", depth_default: "default depth", depth_quick: "quick", depth_normal: "normal",
  depth_research: "research", attach: "Attach", stop: "Stop", ask: "Ask", follow_up: "Follow up",
  generated: "Answers are written by a model. Check the sentence behind each number.",
  starting: "Asking…", queued: "Waiting: number {position} in the line", planned: "Planning", searching: "Searching: {queries}", opening: "Opening: {urls}", plan_enough: "Enough was found; writing",
  fallback: "plan not by the model: {why}",
  searched: "Searched “{query}” with {engine}: {results} {results|result|results}", search_failed: "Search for “{query}” failed: {why}",
  page_read: "Read: {title} ({characters} characters)", page_skipped: "Not read: {url}: {why}", truncated: "shortened",
  packed: "{pages} {pages|page|pages} given to the model", left_out: "{count} left out for lack of room", writing: "Writing…", thinking: "Thinking…",
  verifying: "Checked against its pages", corrected: "Corrected", resuming: "The connection broke; it is taken up again…",
  gap: "Some steps are no longer kept.",
  reasoning: "The model's reasoning", steps: "{pages} {pages|page|pages} read, {skipped} not read, {seconds} s", steps_all: "{pages} {pages|page|pages} read, {seconds} s", still_running: "An answer is being written. Wait for it, or stop it; what you typed stays here.",
  done: "The answer is complete.", stopped: "Stopped.", stopping: "Stopping…",
  proof: "{supported} of {cited} {cited|statement|statements} with a citation {supported|is|are} supported by the cited page.",
  proof_none: "No statement is supported here by a cited page.", proof_nothing: "This answer cites no page.",
  no_statement: "No sentence of this page that supports the statement was found.", never_judged: "The answer broke off before it was checked against its pages.", otherwise: "This page says otherwise.", part_only: "The page supports only a part of it.",
  partial: "This answer is incomplete: the model broke off or time ran out.",
  uncited: "The model cited none of its pages. Nothing here is proven.",
  no_sources: "Nothing was found or nothing could be read. This text rests on no page.",
  degraded: "Not written by the configured model: {why}", quoting: "No model server: these are sentences of the pages, word for word.",
  not_stored: "This answer could not be kept: it is gone when this page is closed.",
  sources: "Sources", not_cited: "Read, not cited ({count})", failed_pages: "Not read ({count})", corrections: "Corrections ({count})",
  conflicts: "Pages that disagree ({count})", offers: "Pages that would support more ({count})", flaws: "Remarks ({count})",
  says: "[{number}] says {value}", against: "[{number}] says {value}", before: "was", after: "now", copy: "Copy as Markdown", copied: "Copied.",
  copy_failed: "The browser did not allow copying.", again: "Ask again", remove: "Remove {name}", too_many: "At most 10 files.",
  too_large: "{name} has more than 20 MB.", cite: "Source {number}: {verdict}", waiting: "not yet judged",
  supported: "supported", partial_verdict: "partly supported", unsupported: "not supported", contradicted: "contradicted",
  unavailable: "a source, not judged", close: "Close", open_live: "Open the page at this sentence", open_page: "Open the page",
  open_kept: "The page as it was read", dated: "Page dated {date}", read_at: "Read {time}", statement: "Statement", quote: "The page says",
  source_gone: "The page's text is not kept any more; this is the quote alone.", loading: "Loading…", forgotten: "This answer is not kept any more.",
  seconds: "{seconds} s · {model}", about: "Answer {status}",
  answers_status: "the site answers {status}", other_reason: "{why}", pages_read: "The pages were read {time}.", pages_read_between: "The pages were read between {first} and {last}.",
  not_judged: "Code, headings and what has no words are not checked sentence by sentence. The page is what the answer names for it.",
  share: "Share", share_what: "A reader of the link sees this answer and its sources, not your other questions.",
  share_local: "No keys are set here, so it can be read on this machine only.", share_days: "Good for", days: "{count} {count|day|days}",
  share_anybody: "readable without a key", share_make: "Make a link", share_link: "The link", share_copy: "Copy the link",
  share_once: "Copy the link now: it is not shown again.", link_until: "until {time}", link_anybody: "without a key", link_key: "with a key",
  link_revoke: "Take back", link_revoked: "taken back", link_expired: "expired",
  batches: "Batches", operator: "Operator", ask_page: "Ask", skip_main: "Go to the content",
  shared_until: "A shared answer. This link is good until {time}.", shared_own: "Ask a question of your own",
};

const ZH = {
  skip: "跳到问题", nav: "页面", new: "新对话", history: "历史", theme: "深色或浅色", logout: "退出",
  history_where: "此列表只保存在本浏览器中。", history_clear: "清空列表", history_none: "还没有记录。", history_key: "服务为您的密钥保存的回答，在您的所有设备上都能看到。", history_more: "更早的回答", history_drop: "删除：{question}", forget_answer: "删除此回答", forget_answer_sure: "删除此回答及为它保存的网页？", forgotten_now: "已删除。",
  login_title: "用密钥登录", key: "密钥", login: "登录", files: "文件",
  lead: "提问，看它搜索了什么、读了什么，再打开证明每句话的原文。",
  question: "您的问题", depth: "深度", depth_default: "默认深度", depth_quick: "快速", depth_normal: "普通",
  depth_research: "研究", attach: "添加文件", stop: "停止", ask: "提问", follow_up: "追问",
  generated: "回答由模型生成，请核对每个编号背后的原句。",
  starting: "正在提问…", queued: "排队中：第 {position} 位", planned: "规划", searching: "搜索：{queries}", opening: "打开：{urls}", plan_enough: "资料已够，开始写作",
  fallback: "规划并非出自模型：{why}",
  searched: "用 {engine} 搜索“{query}”：{results} 条结果", search_failed: "搜索“{query}”失败：{why}",
  page_read: "已读：{title}（{characters} 字符）", page_skipped: "未读：{url}：{why}", truncated: "已截短",
  packed: "{pages} 个网页交给模型", left_out: "{count} 个因篇幅未用", writing: "正在写作…", thinking: "正在思考…",
  verifying: "已与所引网页核对", corrected: "已更正", resuming: "连接中断，正在继续…",
  gap: "部分步骤已不再保存。",
  reasoning: "模型的推理", steps: "读了 {pages} 页，未读 {skipped} 页，{seconds} 秒", steps_all: "读了 {pages} 页，{seconds} 秒", still_running: "正在写回答。请等它写完或先停止；您输入的内容仍在。",
  done: "回答已完成。", stopped: "已停止。", stopping: "正在停止…",
  proof: "{cited} 句带引用的话中，有 {supported} 句得到所引网页的支持。",
  proof_none: "这里没有一句话得到所引网页的支持。", proof_nothing: "此回答没有引用任何网页。",
  no_statement: "在该网页中没有找到支持这句话的原句。", never_judged: "回答中断，未及与所引网页核对。", otherwise: "该网页的说法与此相反。", part_only: "该网页只支持这句话的一部分。",
  partial: "回答不完整：模型中断或时间用完。",
  uncited: "模型没有引用任何网页，这里的内容未经证明。",
  no_sources: "什么也没找到，或者什么也没能读到。这段文字没有网页依据。",
  degraded: "不是由所配置的模型写成：{why}", quoting: "没有模型服务器：以下是网页原句的摘录。",
  not_stored: "此回答未能保存：关闭本页后即消失。",
  sources: "来源", not_cited: "读过但未引用（{count}）", failed_pages: "未能读取（{count}）", corrections: "更正（{count}）",
  conflicts: "说法不一的网页（{count}）", offers: "还能支持更多内容的网页（{count}）", flaws: "备注（{count}）",
  says: "[{number}] 说 {value}", against: "[{number}] 说 {value}", before: "原为", after: "现为", copy: "复制为 Markdown", copied: "已复制。",
  copy_failed: "浏览器不允许复制。", again: "再问一次", remove: "移除 {name}", too_many: "最多 10 个文件。",
  too_large: "{name} 超过 20 MB。", cite: "来源 {number}：{verdict}", waiting: "尚未核对",
  supported: "支持", partial_verdict: "部分支持", unsupported: "不支持", contradicted: "矛盾",
  unavailable: "来源，未逐句核对", close: "关闭", open_live: "打开网页并定位到此句", open_page: "打开网页",
  open_kept: "读取时的网页", dated: "网页日期 {date}", read_at: "读取于 {time}", statement: "回答中的话", quote: "网页原文",
  source_gone: "网页正文已不再保存，这里只有引文。", loading: "正在读取…", forgotten: "此回答已不再保存。",
  seconds: "{seconds} 秒 · {model}", about: "回答 {status}",
  answers_status: "网站返回 {status}", other_reason: "其他原因：{why}", pages_read: "网页读取于 {time}。", pages_read_between: "网页读取于 {first} 至 {last} 之间。",
  not_judged: "代码、标题和没有文字的部分不逐句核对；这里是回答为其标明的网页。",
  share: "分享", share_what: "持有链接的人能看到此回答及其来源，看不到您的其他问题。",
  share_local: "这里没有设密钥，因此只能在本机阅读。", share_days: "有效期", days: "{count} 天",
  share_anybody: "无需密钥即可阅读", share_make: "生成链接", share_link: "链接", share_copy: "复制链接",
  share_once: "请现在复制链接，之后不再显示。", link_until: "有效至 {time}", link_anybody: "无需密钥", link_key: "需要密钥",
  link_revoke: "收回", link_revoked: "已收回", link_expired: "已过期",
  batches: "批处理", operator: "运维", ask_page: "提问", skip_main: "跳到内容",
  shared_until: "这是别人分享的回答，链接有效至 {time}。", shared_own: "自己提问",
};

// [English, Chinese]: the codes of problems, and the reasons for which a page was not read or a search failed.
const CODES = {
  network: ["The service cannot be reached. What you typed is still here.", "无法连接服务。您输入的内容仍在。"],
  missing_key: ["Log in with your key.", "请用密钥登录。"],
  wrong_key: ["This key is not accepted here; it may have been revoked.", "此密钥不被接受，可能已被吊销。"],
  csrf: ["This page is out of date; load it again.", "页面已过期，请重新载入。"],
  loopback_only: ["Without a key only this machine is served.", "未设密钥时只服务本机。"],
  cross_origin: ["Requests from other pages are refused.", "拒绝来自其他网页的请求。"],
  missing_scope: ["This key may not do this.", "此密钥无权这样做。"],
  rate_limit_exceeded: ["This key has used up a limit; try again later.", "此密钥已达限额，请稍后再试。"],
  insufficient_quota: ["This key has spent what it may.", "此密钥的额度已用完。"],
  stopping: ["The service is being stopped; try again in a moment.", "服务正在停止，请稍后再试。"],
  sharing_off: ["Such links are not made here.", "这里不能生成这样的链接。"],
  share_expired: ["This link has expired. Ask whoever sent it for a new one.", "此链接已过期，请向发送者索取新的链接。"],
  share_revoked: ["This link was taken back by whoever shared it.", "分享者已收回此链接。"],
  not_found: ["This is not kept, or not any more.", "没有保存，或已不再保存。"],
  invalid_api_key: ["This key is not accepted here; log in with another.", "此密钥不被接受，请换一个密钥登录。"],
  bad_file: ["This file cannot be taken as it is.", "无法按原样接受此文件。"],
  files_full: ["The files of this key have no room left.", "此密钥的文件空间已满。"],
  body_timeout: ["Sending took too long.", "发送时间过长。"],
  body_too_large: ["The question is too large.", "问题过大。"],
  file_too_large: ["A file is too large.", "文件过大。"],
  file_unreadable: ["A file cannot be read.", "文件无法读取。"],
  unsupported_type: ["This kind of file is not read.", "不读取这种文件。"],
  bad_question: ["The question cannot be answered as it was put.", "问题无法按此形式回答。"],
  malformed_body: ["The request was damaged.", "请求已损坏。"],
  internal: ["Something broke on the service's side.", "服务内部出错。"],
  agent_error: ["The answer failed.", "回答失败。"],
  model_misbehaved: ["The model wrote nothing that can be shown.", "模型没有写出可显示的内容。"],
  model_down: ["The model server does not answer.", "模型服务器没有响应。"],
  overloaded: ["Too many questions at once; try again in a few seconds.", "问题太多，请几秒后再试。"],
  replica_lost: ["The machine that worked on it is gone; ask again.", "处理它的机器已失联，请再问一次。"],
  cancelled: ["Stopped.", "已停止。"],
  store_error: ["What is kept cannot be used right now.", "存储暂时不可用。"],
  store_down: ["What is kept cannot be reached right now.", "存储暂时无法访问。"],
  record_poisoned: ["What is kept was changed and is not shown.", "保存的内容被改动过，不予显示。"],
  evidence_gone: ["The page's text is not kept any more.", "网页正文已不再保存。"],
  duplicate: ["the same text as another page", "与另一网页正文相同"],
  too_slow: ["too slow", "太慢"], timeout: ["the site does not answer in time", "网站响应超时"],
  dns: ["the name of the site does not exist", "网站域名不存在"], connect: ["the site does not answer", "网站没有响应"],
  tls: ["no secure connection", "无法建立安全连接"], disconnect: ["the site broke off", "网站中断了连接"],
  too_many_redirects: ["sent round in circles", "循环跳转"], protocol_error: ["the site breaks the rules of HTTP", "网站不遵守 HTTP"],
  scanned_pdf: ["scanned pages without text", "扫描件，没有文字"], bad_pdf: ["a damaged PDF", "PDF 已损坏"],
  encrypted_pdf: ["protected with a password", "有密码保护"], encrypted_docx: ["protected with a password", "有密码保护"],
  bad_docx: ["a damaged document", "文档已损坏"], bad_html: ["cannot be parsed", "无法解析"], bad_encoding: ["unreadable characters", "字符编码有误"],
  no_text: ["no text in it", "没有正文"], empty: ["empty", "空白"], asked_to_wait: ["the site asked us to come back later", "网站要求稍后再来"],
  robots: ["the site does not want to be read by programs", "网站不允许程序读取"], ip_private: ["an address of an inner network", "内部网络地址"],
  page_too_large: ["too large", "过大"], unknown_page: ["no such page", "没有此网页"], unknown_origin: ["stands in no result", "不在搜索结果中"],
  extract_timeout: ["takes too long to read", "读取时间过长"], extract_memory: ["takes too much memory", "占用内存过多"], extract_crash: ["broke the reader", "读取时出错"],
  all_down: ["no search engine answers", "没有搜索引擎响应"], paused: ["failed too often; left alone for a while", "多次失败，暂停使用"],
  busy: ["it is too busy", "过于繁忙"], broken: ["the library's index is damaged", "文库索引已损坏"], full: ["the disk is full", "磁盘已满"], unwritable: ["its disk is full or fails", "磁盘已满或有故障"],
  locked: ["the library's index is in use", "文库索引被占用"], missing: ["the library is not indexed", "文库尚未建立索引"],
  newer_version: ["the library's index is of a newer version", "文库索引版本较新"], no_access: ["no permission to read it", "没有读取权限"],
  browser_crash: ["the browser broke", "浏览器崩溃"], browser_memory: ["took the browser too much memory", "浏览器占用内存过多"],
  browser_missing: ["there is no browser to show it", "没有可用的浏览器"], browser_timeout: ["took the browser too long", "浏览器处理超时"],
  extract_broken: ["the reader of pages broke", "正文提取出错"], extract_closed: ["the reader of pages is closed", "正文提取已关闭"],
  challenge: ["the site asks for a proof that a person is reading", "网站要求人机验证"], cookie_wall: ["nothing is shown before cookies are accepted", "接受 Cookie 前不显示内容"],
  needs_javascript: ["empty without JavaScript", "没有 JavaScript 则为空白"], soft_404: ["the site says that there is no such page", "网站称没有此页面"],
  headers_too_large: ["the site's headers are too large", "网站响应头过大"], too_large: ["too large", "过大"], zip_bomb: ["unpacks to too much", "解压后过大"],
  host: ["no proper name of a site", "网站名称不规范"], malformed_url: ["no proper address", "地址不规范"], port: ["a port that the web does not use", "不是网页使用的端口"],
  scheme: ["not an address of the web", "不是网页地址"], userinfo: ["an address with a password in it", "地址中带有密码"],
  not_allowed: ["left out by the operator", "被运维者排除"], wrong_date: ["outside of the wanted dates", "不在所需日期范围内"],
  bad_answer: ["The answer cannot be judged as it was given.", "无法按所给形式核对此回答。"], unknown_model: ["There is no such model.", "没有此模型。"],
  idempotency_key_reused: ["This key was used for another question.", "此标识已用于其他问题。"], method_not_allowed: ["That cannot be done here.", "这里不能这样做。"],
  store_too_new: ["What is kept was written by a newer version.", "存储由更新的版本写成。"],
  no_model: ["no model is configured", "未配置模型"], quick: ["quick question", "快速提问"], no_call: ["the model asked for nothing", "模型未提出搜索"],
};

let language = "en";

export const current = () => language;

/** The reader's choice, else the browser's first language that we speak. */
export function chosenLanguage(kept, browser) {
  if (kept === "zh" || kept === "en") return kept;
  const first = browser.find((one) => /^(zh|en)\b/i.test(one)) ?? "en";
  return first.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function speak(chosen) {
  language = chosen;
  document.documentElement.lang = chosen === "zh" ? "zh-CN" : "en";
  for (const node of document.querySelectorAll("[data-say]")) node.textContent = say(node.dataset.say, JSON.parse(node.dataset.with ?? "{}"));
  for (const node of document.querySelectorAll("[data-label]")) label(node, say(node.dataset.label, JSON.parse(node.dataset.with ?? "{}")));
}

function label(node, words) {
  node.setAttribute("aria-label", words);
  if (node.tagName === "BUTTON") node.title = words;
}

/** `{count}` is a value, `{count|page|pages}` the word that goes with one or with many. */
export function say(name, values = {}) {
  const words = (language === "zh" ? ZH : EN)[name] ?? name;
  return words.replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (_, key, one, many) => (one === undefined ? String(values[key] ?? "") : String(values[key]) === "1" ? one : many));
}

export const verdictWord = (verdict) => say(verdict === "partial" ? "partial_verdict" : verdict);

/** A code in the reader's language. detail: the service's own clause, for a code that is new here. */
export function meaning(code, detail = "") {
  const row = CODES[code];
  if (row) return row[language === "zh" ? 1 : 0];
  const status = /^http_(\d{3})$/.exec(code);
  if (status) return say("answers_status", { status: status[1] });
  return language === "zh" ? say("other_reason", { why: detail || code }) : detail || code;
}

/** A problem with what the service says about it, which names the file or the field. */
export function explained(refused) {
  const told = meaning(refused.code, refused.detail);
  const detail = refused.detail && refused.detail !== refused.code ? refused.detail : "";
  return detail && told !== detail ? `${told} (${detail})` : told;
}

/** The words of a page of its own. */
export function teach(english, chinese) {
  Object.assign(EN, english);
  Object.assign(ZH, chinese);
}

export const hasWords = () => [Object.keys(EN), Object.keys(ZH)];
