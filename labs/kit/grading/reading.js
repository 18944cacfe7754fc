// Keys for the queue of texts, and what a screen reader has to know. Without it buttons work.
(() => {
  const panel = (node) => node?.closest?.(".labs-read");
  const press = (box, name) => box.querySelector(`.labs-read-${name}`)?.click();
  const WAYS = { n: "next", s: "skip", b: "back" };

  function onKey(event) {
    const box = panel(event.target);
    if (!box || event.ctrlKey || event.metaKey || event.altKey) return;
    const writes = event.target.matches("textarea, input");
    const key = event.key.toLowerCase();
    if (writes && key !== "escape") return;
    if (key === "escape") focus(box);
    else if (/^\d$/.test(key)) press(box, `points-${key}`);
    else if (key in WAYS) press(box, WAYS[key]);
    else if (key === "c") box.querySelector("textarea")?.focus();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation(); // JupyterLab would make a heading of the cell
  }

  const focus = (box) => box.querySelector(".labs-read-text")?.focus({ preventScroll: true });

  function prepare(box) {
    const text = box.querySelector(".labs-read-text");
    const status = box.querySelector(".labs-read-status");
    if (!text || !status || box.dataset.lmSuppressShortcuts) return;
    box.dataset.lmSuppressShortcuts = "true"; // letters are ours, not JupyterLab's
    text.tabIndex = 0;
    text.setAttribute("role", "region");
    text.setAttribute("aria-label", "The text to read");
    status.setAttribute("role", "status");
    const turned = new MutationObserver(() => focus(box));
    turned.observe(text, { childList: true, subtree: true });
    focus(box);
  }

  window.removeEventListener("keydown", window.labsReadKeys, true);
  window.labsReadKeys = onKey;
  window.addEventListener("keydown", onKey, true);
  clearInterval(window.labsReadTimer);
  const all = () => document.querySelectorAll(".labs-read").forEach(prepare);
  window.labsReadTimer = setInterval(all, 300); // a panel may be drawn again at any time
  all();
})();
