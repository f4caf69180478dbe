// The chat page's own script: the source panel, what stands below a reply, and what Gradio's conversation needs
// to be read well. Everything shown is set as text, never as markup. Nothing is stored, and nothing is sent but
// the request for a passage and whether a reply helped.

const words = JSON.parse(told("words"));

function told(name) {
  return document.querySelector(`meta[name=${name}]`).content;
}

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function button(text, press, attributes = {}) {
  const node = make("button", { type: "button", ...attributes }, text);
  node.addEventListener("click", press);
  return node;
}

// --- the source panel ---------------------------------------------------------------------------

const panel = make("div", { id: "source", role: "dialog", "aria-labelledby": "source-title", hidden: "" });
let opener = null; // the citation that opened the panel, to return to

async function openSource(link) {
  opener = link;
  const address = new URL(link.href);
  const passage = `/api/passages/${address.pathname.split("/").pop()}${address.search}`;
  let source = null;
  try {
    const answer = await fetch(passage);
    if (answer.ok) source = await answer.json();
  } catch {
    // offline: said below
  }
  if (opener === link) show(source, address);
}

function show(source, address) {
  const lang = source ? source.language : words.language;
  const title = make("h2", { id: "source-title", tabindex: "-1", lang }, source ? source.title : words.source_failed);
  const close = button("×", closeSource, { class: "close", "aria-label": words.close_source });
  const page = make("a", { href: address.href, target: "_blank", rel: "noopener" }, words.whole_article);
  const text = { class: "text", dir: "auto", tabindex: "0", role: "region", "aria-label": words.passage, lang };
  panel.replaceChildren(
    make("div", { class: "head" }, make("div", {}, title, ...(source ? metaLines(source) : [])), close),
    make("div", text, ...(source ? blocks(source.blocks) : [])),
    make("div", { class: "foot" }, page),
  );
  panel.hidden = false;
  title.focus({ preventScroll: true });
  panel.querySelector("mark")?.scrollIntoView({ block: "center" });
}

function metaLines(source) {
  const lines = [`${source.publisher} · ${source.published}`];
  if (source.reviewed_by) lines.push(words.reviewed_by.replace("{name}", () => source.reviewed_by));
  if (source.digest) lines.push(words.digest);
  if (!source.found) lines.push(words.changed_gone);
  return lines.map((line) => make("p", { class: "meta" }, line[0].toUpperCase() + line.slice(1)));
}

function blocks(all) {
  const out = [];
  for (const { kind, parts } of all) {
    const inner = parts.map(({ text, mark }) => (mark ? make("mark", {}, text) : text));
    if (kind === "item") {
      if (out.at(-1)?.tagName !== "UL") out.push(make("ul"));
      out.at(-1).append(make("li", {}, ...inner));
    } else {
      out.push(make(kind === "heading" ? "h3" : "p", {}, ...inner));
    }
  }
  return out;
}

function closeSource() {
  if (panel.hidden) return;
  panel.hidden = true;
  if (opener?.isConnected) opener.focus();
  opener = null;
}

// Capture, so that neither Gradio nor target="_blank" acts first. With a modifier key the link opens as a page.
document.addEventListener(
  "click",
  (event) => {
    const link = event.target.closest?.("#chat a.cite");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
      event.preventDefault();
      event.stopPropagation();
      openSource(link);
    } else if (!panel.contains(event.target)) {
      closeSource();
    }
  },
  true,
);
document.addEventListener("keydown", (event) => event.key === "Escape" && closeSource());
document.body.append(panel);

// --- what is said aloud --------------------------------------------------------------------------

// One place that screen readers listen to. Gradio rewrites its whole conversation with each step, so its own
// is switched off: a reply is spoken once, when it is there. An urgent one is an alert and speaks for itself.
const speaker = make("div", { id: "speaker", class: "unseen", role: "status", "aria-live": "polite" });
document.body.append(speaker);

function speak(text, english = "") {
  const parts = [make("span", { lang: words.language }, text)];
  if (english) parts.push(" ", make("span", { lang: "en" }, english));
  speaker.replaceChildren(make("p", {}, ...parts));
}

function linesOf(reply) {
  const said = [...reply.querySelectorAll(".says > span")].map((line) =>
    line.className === "item" ? `- ${line.textContent}` : line.textContent,
  );
  for (const table of reply.querySelectorAll(".differ")) {
    said.push("", table.caption.textContent);
    for (const row of table.rows) said.push(`- ${row.cells[0].textContent}: ${row.cells[1].textContent}`);
  }
  const notes = [...reply.querySelectorAll(".notes > span")].map((line) => line.textContent);
  return notes.length ? [...said, "", ...notes] : said;
}

// --- below a reply: copy it, say whether it helped -----------------------------------------------

const ASKED_ABOUT = ["answered", "caution", "abstained"];
const tools = new WeakMap(); // bubble > the reply its tools were made for; Gradio reuses bubbles

function addTools(reply) {
  const bubble = reply.closest(".message");
  if (!bubble || tools.get(bubble) === reply) return;
  tools.set(bubble, reply);
  bubble.querySelector(".tools")?.remove();
  const status = ASKED_ABOUT.find((name) => reply.classList.contains(name));
  const row = make("div", { class: "tools", lang: words.language, "aria-live": "off" });
  if (status) row.append(feedback(reply, status));
  row.append(button(words.copy, (event) => copy(reply, event.currentTarget), { class: "copy" }));
  bubble.append(row);
}

function feedback(reply, status) {
  const group = make("div", { class: "feedback", role: "group" });
  // The reply's own: the page may be older than the index that answered.
  const answers = { index_version: reply.dataset.index || told("index-version"), status, sources: sourcesOf(reply) };
  const send = async (helpful, reason) => {
    let kept = false;
    try {
      const body = JSON.stringify({ ...answers, helpful, ...(reason && { reason }) });
      const sent = { method: "POST", headers: { "content-type": "application/json" }, body };
      kept = (await fetch("/api/feedback", sent)).ok;
    } catch {
      // offline: said below
    }
    const thanks = make("p", { class: "said", tabindex: "-1" }, kept ? words.thanks : words.not_sent);
    group.removeAttribute("aria-label");
    group.replaceChildren(thanks);
    thanks.focus({ preventScroll: true }); // the pressed button has gone; a screen reader reads what took its place
  };
  const ask = (question, choices) => {
    group.setAttribute("aria-label", question);
    group.replaceChildren(make("span", { class: "head" }, question), ...choices);
  };
  const reasons = () => {
    ask(words.why_not, Object.entries(words.reasons).map(([name, text]) => button(text, () => send(false, name))));
    group.querySelector("button").focus();
  };
  ask(words.helpful, [button(words.yes, () => send(true)), button(words.no, reasons)]);
  return group;
}

function sourcesOf(reply) {
  const names = [...reply.querySelectorAll("a.cite")].map((a) => decodeURIComponent(a.pathname.split("/").pop()));
  return [...new Set(names)];
}

async function copy(reply, pressed) {
  const sources = [...reply.querySelectorAll(".sources li")].map((item) => {
    const meta = item.querySelector(".meta").textContent;
    const link = item.querySelector("a.cite");
    return `[${item.querySelector(".n").textContent}] ${link.textContent} (${meta}) ${link.href}`;
  });
  const done = await toClipboard([...linesOf(reply), ...(sources.length ? ["", ...sources] : [])].join("\n"));
  pressed.textContent = done ? words.copied : words.not_copied;
  speak(pressed.textContent);
  setTimeout(() => (pressed.textContent = words.copy), 2500);
}

async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // not allowed in this frame, or no https: the old way, which a press of a button allows
    const area = make("textarea", { class: "unseen", "aria-hidden": "true", tabindex: "-1" });
    const focused = document.activeElement;
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    focused?.focus();
    return done;
  }
}

// --- when a question does not get through -----------------------------------------------------------

const notice = make("p", { id: "notice", role: "alert", hidden: "" });

function tell(text) {
  notice.hidden = !text;
  if (text) sent = false;
  if (notice.textContent !== text) notice.textContent = text;
  const lost = text && document.querySelector("#chat .thinking"); // sent, but the reply never came
  document.body.classList.toggle("unanswered", Boolean(lost)); // hidden, not removed: Gradio counts its bubbles
  if (!lost) return;
  box().value ||= [...document.querySelectorAll("#chat .asked")].at(-1).innerText;
  box().dispatchEvent(new Event("input", { bubbles: true }));
}

let sent = false; // whether what stands in the box is on its way already

// What is sent while an answer is under way is asked after it. A second press on the same words would then ask
// whatever has been typed by that time.
function sendOnce(event) {
  if (sent) {
    event.preventDefault();
    event.stopPropagation();
  }
  sent = true;
}

document.addEventListener("input", (event) => event.target === box() && (sent = false), true);
document.addEventListener(
  "keydown",
  (event) => {
    const sends = event.key === "Enter" && !event.shiftKey && !event.isComposing;
    if (sends && event.target === box()) sendOnce(event);
  },
  true,
);
document.addEventListener("click", (event) => event.target.closest?.("#question button") && sendOnce(event), true);

let keeper = ""; // who holds this conversation in memory; another server would misread what leans on it

// Where a question can't be delivered, Gradio would give the page up and load it anew, conversation and typed
// question lost. A refusal in words instead keeps both.
const plainFetch = window.fetch;
window.fetch = async (...call) => {
  const address = String(call[0]?.url ?? call[0]);
  if (address.includes("/queue/data")) return unbroken(await plainFetch(...call).catch(() => null));
  if (!address.includes("/queue/join")) return plainFetch(...call);
  const request = new Request(...call);
  if (keeper && document.querySelector("#chat .reply")) request.headers.set("x-conversation", keeper);
  const answer = await plainFetch(request).catch(() => null);
  if (answer?.ok) {
    keeper = answer.headers.get("x-conversation") ?? "";
    tell("");
    return answer;
  }
  const detail = await refusal(answer);
  tell(detail);
  return new Response(JSON.stringify({ detail }), { status: answer?.status ?? 503 });
};

async function refusal(answer) {
  if (answer?.status === 410) {
    keeper = ""; // what is asked next begins a conversation
    return words.restarted;
  }
  const limited = answer?.status === 429 ? await answer.json().catch(() => null) : null;
  return limited?.detail ?? words.offline;
}

// The same for a stream of answers that breaks off: to Gradio it ends with a failure, after which it goes on.
const CUT = 'data: {"msg":"unexpected_error","message":"-","success":false}\n\n';
const OVER = 'data: {"msg":"close_stream"}\n\n';

function unbroken(answer) {
  const reader = answer?.ok ? answer.body.pipeThrough(new TextDecoderStream()).getReader() : null;
  let told = ""; // the last message, which may come in pieces
  const pull = async (out) => {
    const { value = "", done } = (await reader?.read().catch(() => null)) ?? { done: true };
    const seen = told + value;
    told = seen.split(/\n\n(?=.)/).at(-1);
    const failed = seen.includes('"msg":"unexpected_error"'); // whatever the reason, it must not end the page
    const whole = seen.includes('"msg":"close_stream"');
    if (value && !failed) out.enqueue(value);
    if (!failed && !done) return;
    if (!whole) {
      tell(words.offline);
      out.enqueue(CUT + OVER);
    }
    reader?.cancel().catch(() => {});
    out.close();
  };
  const body = new ReadableStream({ pull, cancel: () => reader?.cancel() }).pipeThrough(new TextEncoderStream());
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

// --- the conversation ----------------------------------------------------------------------------

const SAID = { user: words.you_said, bot: words.bot_said };
const SLOW = 1000; // milliseconds after which it is said that the answer takes a moment
let last = null; // the newest reply that was shown
let waiting = 0;
const closed = new WeakSet();

function box() {
  return document.querySelector("#question textarea");
}

function set(node, name, value) {
  if (node && node.getAttribute(name) !== value) node.setAttribute(name, value);
}

// Gradio labels a bubble with its source text, tags and all; a screen reader would speak them.
function nameParts(chat) {
  set(chat.querySelector("[role=log]"), "aria-live", "off");
  set(chat.querySelector("[role=log]"), "aria-label", words.conversation);
  for (const bubble of chat.querySelectorAll("[data-testid=user], [data-testid=bot]")) {
    set(bubble, "role", "group");
    set(bubble, "aria-label", SAID[bubble.dataset.testid]);
  }
  const clarify = [...chat.querySelectorAll(".bot-row .reply")].at(-1)?.classList.contains("clarify");
  nameGroup(chat.querySelector(".examples"), words.examples); // Gradio calls it a list; it holds buttons
  nameGroup(chat.querySelector(".options"), clarify ? words.choices : words.next);
  chat.querySelector(".placeholder-content[role]")?.removeAttribute("role");
}

function nameGroup(group, name) {
  set(group, "role", "group");
  set(group, "aria-label", name);
  set(group, "lang", "en");
}

// Shows a new reply from its beginning: the question at the top, the answer below it. And says it once.
function followReplies(chat) {
  const replies = [...chat.querySelectorAll(".bot-row .reply")];
  replies.forEach(addTools);
  const reply = replies.at(-1) ?? null;
  const pending = notice.hidden && chat.querySelector(".thinking");
  if (pending && !waiting) waiting = setTimeout(() => speak(words.thinking), SLOW);
  if (!pending) waiting = clearTimeout(waiting) ?? 0;
  if (reply === last) return;
  last = reply;
  if (!reply) return;
  tell("");
  if (!reply.classList.contains("urgent")) speak(`${words.bot_said}:`, linesOf(reply).join(" "));
  const asked = [...chat.querySelectorAll(".user-row")].at(-1);
  const short = asked && asked.offsetHeight < chat.clientHeight / 2; // a long question would push its reply out of sight
  (short ? asked : reply.closest(".message-row")).scrollIntoView({ block: "start" });
  if (document.activeElement === document.body || !document.activeElement?.isConnected) {
    const bubble = reply.closest("[data-testid=bot]"); // the tapped question has gone: keep the place
    bubble.setAttribute("tabindex", "-1");
    bubble.focus({ preventScroll: true });
  }
}

// What Gradio would say in a box that covers the page is said in the notice.
function closeToast(toast) {
  if (closed.has(toast)) return; // it takes a moment to go
  closed.add(toast);
  if (notice.hidden) tell(words.offline);
  toast.click();
}

function namePage() {
  const root = document.documentElement; // Gradio sets its own language, the browser's
  set(root, "lang", words.language);
  set(root, "dir", words.direction);
  set(box(), "aria-label", words.question); // the label's text would be "Your question Send"
  set(box(), "enterkeyhint", "send");
  set(box(), "dir", "auto");
  const question = document.querySelector("#question");
  if (question && !notice.isConnected) question.before(notice);
}

document.addEventListener(
  "click",
  (event) => {
    if (!event.target.closest?.("#again")) return;
    keeper = "";
    tell("");
    speak(words.cleared);
    box()?.focus();
  },
  true, // before Gradio acts: whoever is asked from now on need not know this conversation
);

const observer = new MutationObserver(() => {
  namePage();
  const chat = document.querySelector("#chat");
  if (!chat) return;
  nameParts(chat);
  followReplies(chat);
  for (const toast of document.querySelectorAll(".toast-close")) closeToast(toast);
});
const watched = { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-label", "aria-live"] };
observer.observe(document.querySelector("gradio-app"), watched);
observer.observe(document.documentElement, { attributes: true, attributeFilter: ["lang", "dir"] });
