// The launcher for other people's pages: a button that opens the chat in a frame. It asks for nothing until
// it is opened, stores nothing, defines no global, and builds everything by hand: a host page may forbid
// inline styles, markup from text and whatever else, and its own styles must neither reach in nor be touched.
(() => {
  // label, opening, close, failed, retry, new tab
  const TEXTS = {
    en: ["Ask a question", "Opening the chat …", "Close the chat", "The chat can’t be reached right now.", "Try again", "Open it in a new tab"],
    es: ["Haga una pregunta", "Abriendo el chat…", "Cerrar el chat", "No se puede acceder al chat en este momento.", "Reintentar", "Abrirlo en otra pestaña"],
    fr: ["Poser une question", "Ouverture du chat…", "Fermer le chat", "Le chat est injoignable pour le moment.", "Réessayer", "L’ouvrir dans un nouvel onglet"],
    de: ["Frage stellen", "Der Chat wird geöffnet …", "Chat schließen", "Der Chat ist gerade nicht erreichbar.", "Erneut versuchen", "In neuem Tab öffnen"],
    sv: ["Ställ en fråga", "Chatten öppnas …", "Stäng chatten", "Chatten kan inte nås just nu.", "Försök igen", "Öppna i en ny flik"],
    pl: ["Zadaj pytanie", "Otwieranie czatu…", "Zamknij czat", "Czat jest teraz niedostępny.", "Spróbuj ponownie", "Otwórz w nowej karcie"],
  };
  // Where the panel fills the screen: phones, and wide screens zoomed in.
  const FULL = "(max-width: 30em), (max-height: 30em)";
  // !important inside a shadow tree wins over !important outside it, so nothing can hide or bend the host.
  // "medium" is the visitor's own text size, whatever the page made of rem.
  const STYLES = `
:host { all: initial !important; display: contents !important; }
.root { --c: #0f6b64; --k: #fff; --paper: #fff; --ink: #1b2a33; --line: #76868f; --link: #0f6b64;
  color-scheme: light dark; color: var(--ink); font: medium/1.4 system-ui, sans-serif; text-align: start; }
@media (prefers-color-scheme: dark) {
  .root { --c: #5fc9bd; --k: #06201d; --paper: #18242b; --ink: #e6edf0; --link: #5fc9bd; }
}
* { box-sizing: border-box; }
button { font: inherit; cursor: pointer; }
:focus-visible { outline: 3px solid #fff; outline-offset: 0; box-shadow: 0 0 0 6px #1b2a33; }
.open, dialog { position: fixed; z-index: 2147483647; inset: auto 1em max(1em, env(safe-area-inset-bottom)) auto; }
.left * { left: 1em; right: auto; }
.open { display: flex; align-items: center; gap: .5em; min-height: 3em; max-width: calc(100vw - 2em); padding: .5em 1.1em;
  border: 1px solid var(--k); border-radius: 1.6em; background: var(--c); color: var(--k); font-weight: 600;
  text-align: start; overflow-wrap: anywhere; box-shadow: 0 2px 12px rgb(0 0 0 / 35%); }
svg { flex: none; width: 1.4em; height: 1.4em; fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; }
dialog { bottom: 5em; width: 26em; max-width: calc(100vw - 2em); height: min(42em, 100dvh - 6em);
  max-height: none; margin: 0; padding: 0; border: 1px solid var(--line); border-radius: 1em; overflow: hidden;
  background: var(--paper); color: var(--ink); box-shadow: 0 8px 32px rgb(0 0 0 / 35%); }
dialog[open] { display: grid; grid: auto 1fr / 1fr; }
.bar { display: flex; align-items: center; gap: .5em; padding-inline-start: 1em; font-weight: 600; }
.bar span { flex: 1; overflow-wrap: anywhere; }
.x { width: 2.75em; height: 2.75em; border: 0; border-radius: 1em; background: none; color: inherit; }
.x:focus-visible { outline-color: currentColor; outline-offset: -6px; box-shadow: none; }
iframe, .note { grid-area: 2 / 1; width: 100%; height: 100%; border: 0; }
iframe { visibility: hidden; color-scheme: light dark; }
.ready iframe { visibility: visible; }
.ready .note { display: none; }
.note { display: grid; align-content: center; justify-items: center; gap: 1em; padding: 1em; text-align: center; }
.note button { min-height: 2.75em; padding: 0 1.2em; border: 0; border-radius: .7em; background: var(--c); color: var(--k); }
a { padding: .3em; color: var(--link); }
@media ${FULL} {
  .root dialog { inset: 0; width: 100%; max-width: none; height: 100%; border: 0; border-radius: 0; }
}
@media (prefers-reduced-motion: no-preference) {
  dialog[open] { animation: in .16s ease-out; }
  @keyframes in { from { opacity: 0; transform: translateY(1em); } }
}
@media print { .root { display: none; } }`;

  const own = document.currentScript;
  if (!own || !("adoptedStyleSheets" in document)) return;
  const { position, colour, lang } = own.dataset;
  const spoken = (lang || navigator.language).slice(0, 2).toLowerCase();
  const language = TEXTS[spoken] ? spoken : "en";
  const [, opening, closing, unreachable, again, elsewhere] = TEXTS[language];
  const label = own.dataset.label || TEXTS[language][0];

  const address = (path) => {
    const url = new URL(path, own.src);
    if (lang) url.searchParams.set("lang", lang);
    return url;
  };

  const make = (tag, attributes, ...children) => {
    const node = document.createElement(tag);
    for (const name in attributes) node.setAttribute(name, attributes[name]);
    node.append(...children);
    return node;
  };

  // Black or white: one of them has a contrast of 4.5 with any colour.
  const paint = (node) => {
    const [r, g, b] = [1, 3, 5].map((i) => {
      const value = parseInt(colour.slice(i, i + 2), 16) / 255;
      return value > 0.04045 ? ((value + 0.055) / 1.055) ** 2.4 : value / 12.92;
    });
    node.style.setProperty("--c", colour);
    node.style.setProperty("--k", 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff");
  };

  const icon = () => {
    const [svg, path] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", "M4 4h16v12h-9l-5 4v-4H4z");
    svg.append(path);
    return svg;
  };

  const mount = () => {
    const NAME = "clinic-faq-chat";
    // The page may have the script twice.
    if (document.querySelector(NAME)) return;
    let frame;
    // Whether the chat spoke: what a frame of another origin has loaded can't be seen from here.
    let heard = false;
    const text = make("span", { dir: "auto" }, label);
    const button = make("button", { class: "open", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false" }, icon(), text);
    const x = make("button", { class: "x", type: "button", "aria-label": closing }, "✕");
    const note = make("div", { class: "note", role: "status" });
    const panel = make("dialog", { "aria-label": label }, make("div", { class: "bar" }, text.cloneNode(true), x), note);
    const root = make("div", { class: "root", role: "region", "aria-label": label, lang: language }, button, panel);
    const rtl = getComputedStyle(document.body).direction === "rtl";
    root.dir = rtl ? "rtl" : "ltr";
    if (position === "left" || (rtl && position !== "right")) root.classList.add("left");
    if (/^#[0-9a-f]{6}$/i.test(colour)) paint(root);

    const failed = () => {
      const retry = make("button", { type: "button" }, again);
      retry.addEventListener("click", () => (x.focus(), load()));
      root.classList.remove("ready");
      note.replaceChildren(unreachable, retry, make("a", { href: address("chat/"), target: "_blank", rel: "noopener" }, elsewhere));
    };

    const load = () => {
      // A new frame: another address of the old one would be a step in the host page's history.
      frame?.remove();
      heard = false;
      note.replaceChildren(opening);
      // No sandbox: it would stop the telephone links of an urgent reply in some browsers.
      const mine = make("iframe", { title: label, src: address("embed"), allow: "clipboard-write", referrerpolicy: "no-referrer" });
      const silent = () => frame === mine && !heard && failed();
      // An error page "loads" too. The chat speaks before its page has loaded, so a moment is enough.
      const late = setTimeout(silent, 15000);
      mine.addEventListener("load", () => {
        clearTimeout(late);
        setTimeout(() => (silent(), (heard = false)), 1500);
      });
      panel.append((frame = mine));
    };

    const close = () => {
      // From outside, the visitor reads on in the page: leave the focus there.
      const inside = document.activeElement === host;
      panel.close();
      if (inside) button.focus();
    };

    button.addEventListener("click", () => {
      if (panel.open) return close();
      if (!frame) load();
      // Nothing behind a full screen can be seen, so nothing there may be reached.
      if (matchMedia(FULL).matches) panel.showModal();
      else panel.show();
      button.setAttribute("aria-expanded", "true");
    });
    x.addEventListener("click", close);
    panel.addEventListener("close", () => button.setAttribute("aria-expanded", "false"));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && panel.open && !event.defaultPrevented && !event.isComposing) close();
    });
    addEventListener("message", ({ source, origin, data }) => {
      if (!frame || source !== frame.contentWindow || origin !== address("").origin) return;
      if (data === "faq:close") close();
      if (data !== "faq:ready") return;
      heard = true;
      root.classList.add("ready");
    });

    const host = document.createElement(NAME);
    const shadow = host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLES);
    shadow.adoptedStyleSheets = [sheet];
    shadow.append(root);
    // Beside the body, whose transforms and clipping it escapes.
    document.documentElement.append(host);
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mount);
  else mount();
})();
