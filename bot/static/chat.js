// The chat page's own script: the source panel, and what Gradio's conversation needs to be read well.
// Everything shown is set as text, never as markup. Nothing is stored and nothing is sent but the
// request for a passage.

// --- the source panel ---------------------------------------------------------------------------

const panel = make("div", { id: "source", role: "dialog", "aria-labelledby": "source-title", hidden: "" });
let opener = null; // the citation that opened the panel, to return to

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

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
  const title = make("h2", { id: "source-title", tabindex: "-1" }, source ? source.title : "The source could not be loaded");
  const close = make("button", { type: "button", class: "close", "aria-label": "Close the source" }, "×");
  close.addEventListener("click", closeSource);
  const head = make("div", {}, title, ...(source ? metaLines(source) : []));
  const page = make("a", { href: address.href, target: "_blank", rel: "noopener" }, "Open the whole article");
  panel.replaceChildren(
    make("div", { class: "head" }, head, close),
    make("div", { class: "text", dir: "auto", tabindex: "0", role: "region", "aria-label": "Passage" }, ...(source ? blocks(source.blocks) : [])),
    make("div", { class: "foot" }, page),
  );
  panel.hidden = false;
  title.focus({ preventScroll: true });
  panel.querySelector("mark")?.scrollIntoView({ block: "center" });
}

function metaLines(source) {
  const lines = [`${source.publisher} · ${source.published}`];
  if (source.reviewed_by) lines.push(`Reviewed by ${source.reviewed_by}`);
  if (source.digest) lines.push("A digest of the published article, in our own words");
  if (!source.found) lines.push("The article has changed since; the quoted text is no longer in it");
  return lines.map((line) => make("p", { class: "meta" }, line));
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

// --- the conversation ----------------------------------------------------------------------------

const SAID = { user: "You said", bot: "The assistant said" };
let replies = 0;

// Gradio labels a bubble with its source text, tags and all; a screen reader would speak them.
function nameBubbles(root) {
  for (const bubble of root.querySelectorAll("[data-testid=user], [data-testid=bot]")) {
    const name = SAID[bubble.dataset.testid];
    if (bubble.getAttribute("aria-label") !== name) {
      bubble.setAttribute("role", "group");
      bubble.setAttribute("aria-label", name);
    }
  }
  for (const list of root.querySelectorAll(".examples[role=list]")) {
    list.setAttribute("role", "group"); // it holds buttons, which are no list items
    list.setAttribute("aria-label", "Example questions");
  }
  root.querySelector(".placeholder-content[role]")?.removeAttribute("role");
}

// Shows a new reply from its beginning: the question at the top, the answer below it.
function followReplies(root) {
  const bots = root.querySelectorAll(".bot-row .reply");
  if (bots.length > replies) {
    const reply = bots[bots.length - 1];
    const asked = [...root.querySelectorAll(".user-row")].at(-1);
    asked?.scrollIntoView({ block: "start" });
    if (document.activeElement === document.body || !document.activeElement?.isConnected) {
      const bubble = reply.closest("[data-testid=bot]"); // the tapped question has gone: keep the place
      bubble.setAttribute("tabindex", "-1");
      bubble.focus({ preventScroll: true });
    }
  }
  replies = bots.length;
}

function nameBox() {
  const box = document.querySelector("#question textarea");
  if (box && !box.hasAttribute("aria-label")) {
    box.setAttribute("aria-label", "Your question"); // the label's text would be "Your question Send"
    box.setAttribute("enterkeyhint", "send");
    box.setAttribute("dir", "auto");
  }
}

new MutationObserver(() => {
  const chat = document.querySelector("#chat");
  if (!chat) return;
  nameBubbles(chat);
  followReplies(chat);
  nameBox();
}).observe(document.querySelector("gradio-app"), { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-label"] });
