// The stage: a deck and JupyterLab side by side, in one page of one origin.
// F8 goes from the deck to the demo of its slide, and back.
"use strict";
const one = (id) => document.getElementById(id);
const [deck, live] = [one("deck"), one("live")];
const FONT = "20px"; // of live code: read from the last row
let stage, chosen, slide = 1;

const say = (text) => { one("said").textContent = text; };
const lab = () => live.contentWindow.jupyterapp;
const panel = () => lab().shell.currentWidget;
const until = async (ready) => {
  while (!ready()) await new Promise((go) => setTimeout(go, 100));
};

function view(name) {
  document.body.dataset.view = name;
  for (const button of document.querySelectorAll("[data-to]"))
    button.setAttribute("aria-pressed", String(button.dataset.to === name));
  (name === "deck" ? deck : live).contentWindow.focus();
}

const swap = () => (document.body.dataset.view === "deck" ? show(here()) : view("deck"));
const here = () => stage.demos.find((demo) => demo.slide === slide)
  || stage.demos.findLast((demo) => demo.slide < slide) || stage.demos[0];

function listen(frame) {
  frame.contentWindow.addEventListener("keydown", (event) => {
    const act = event.key === "F8" ? swap
      : frame === live && event.shiftKey && event.key === "Enter" ? run : null;
    if (act) { event.preventDefault(); event.stopPropagation(); act(); }
  }, true);
}

async function open(path) {
  const shown = await lab().commands.execute("docmanager:open", { path });
  lab().shell.activateById(shown.id);
  await shown.context.ready;
  await shown.revealed;
  await shown.sessionContext.ready;
  await until(() => shown.content.widgets.length > 1);
  return shown;
}

async function select(shown, cell) {
  const place = shown.content.widgets.findIndex((each) => each.model.id === cell);
  shown.content.activeCellIndex = place;
  shown.content.mode = "command";
  await shown.content.scrollToItem(place, "start");
}

async function show(demo) {
  if (!demo) return;
  if (document.body.dataset.view === "deck") view("both");
  colour();
  chosen = demo;
  say(`Opening ${demo.notebook}`);
  await select(await open(demo.notebook), demo.cell);
  live.contentWindow.focus();
  panel().content.node.focus();
  say(`Demo ${demo.number}: ${demo.title}. Shift+Enter runs it, F8 goes back to the deck.`);
}

// In place: JupyterLab's own Shift+Enter goes on to the next cell, and the output out of sight.
const run = () => lab().commands.execute("notebook:run-cell");

async function prepare() {
  for (const path of new Set(stage.demos.map((demo) => demo.notebook))) {
    say(`Preparing ${path}`);
    const shown = await open(path);
    await select(shown, stage.prepare);
    await run();
  }
  await select(await open(stage.demos[0].notebook), stage.demos[0].cell);
  say(`${stage.demos.length} demos are ready.`);
}

async function afresh() {
  await show(chosen || here());
  say(`Demo ${chosen.number}: restarting, and running what it needs.`);
  await panel().sessionContext.session.kernel.restart();
  await run();
  say(`Demo ${chosen.number} has run afresh.`);
}

async function reset() {
  say("Back to the start");
  const token = (document.cookie.match(/(?:^|; )_xsrf=([^;]*)/) || [])[1];
  const answer = await fetch("reset", { method: "POST", headers: { "X-XSRFToken": token } });
  if (!answer.ok) return say(`The reset failed (${answer.status}). Reload this page.`);
  await renew((await answer.json()).round);
}

async function renew(round) {
  if (round === stage.round) return;
  stage.round = round;
  for (const shown of [...lab().shell.widgets("main")].filter((each) => each.context)) {
    shown.context.model.dirty = false;
    await shown.context.revert();
  }
  await select(await open(stage.demos[0].notebook), stage.demos[0].cell);
  say("All demos are as they were before the talk. Press Prepare.");
}

async function load() {
  const path = stage.demos[0].notebook;
  live.src = `${stage.base}lab/tree/${path}`;
  await until(() => lab() && lab().shell);
  listen(live);
  await lab().restored;
  const [style, shell] = [live.contentDocument.documentElement.style, lab().shell];
  for (const name of ["code", "content"])
    style.setProperty(`--jp-${name}-presentation-font-size${name === "code" ? "" : "1"}`, FONT);
  const fit = live.contentDocument.createElement("style");
  fit.textContent = ".jp-OutputArea img { max-width: 100%; height: auto }";
  live.contentDocument.head.append(fit);
  shell.presentationMode = true;
  shell.mode = "single-document";
  shell.collapseLeft();
  shell.collapseRight();
  for (const side of ["left", "right"])
    if (shell.isSideTabBarVisible(side)) shell.toggleSideTabBarVisibility(side);
  await select(await open(path), stage.demos[0].cell);
  for (const id of ["prepare", "run", "afresh", "reset"]) one(id).disabled = false;
}

function colour() {
  const dark = deck.contentDocument.documentElement.dataset.theme === "dark";
  const theme = `JupyterLab ${dark ? "Dark" : "Light"}`;
  return lab().commands.execute("apputils:change-theme", { theme });
}

function link() {
  const reveal = deck.contentWindow.Reveal;
  const at = () => 1 + reveal.getSlides().indexOf(reveal.getCurrentSlide());
  reveal.on("slidechanged", () => { slide = at(); });
  slide = at();
  for (const demo of stage.demos) {
    const section = reveal.getSlides()[demo.slide - 1];
    const link = section.querySelector("a.demo") || section.querySelector("header")
      .appendChild(Object.assign(deck.contentDocument.createElement("a"), { className: "demo" }));
    Object.assign(link, { textContent: "Run it live (F8)", href: "#", hidden: false });
    link.onclick = (event) => { event.preventDefault(); show(demo); };
  }
}

const state = async () => (await fetch("state")).json();

async function begin() {
  stage = await state();
  document.title = stage.title;
  await until(() => Boolean(deck.contentWindow.deckIsReady));
  await deck.contentWindow.deckIsReady;
  listen(deck);
  link();
  if (!stage.demos.length) return say("This talk has no demo.");
  await load();
  say("Press Prepare before the talk: it runs what the first demos need.");
  setInterval(async () => {
    const { round } = await state();
    await renew(round);
  }, 3000);
}

for (const button of document.querySelectorAll("[data-to]"))
  button.onclick = () => view(button.dataset.to);
for (const [id, act] of Object.entries({ prepare, run, afresh, reset }))
  one(id).onclick = () => act().catch((error) => say(`That did not work: ${error.message}`));
window.addEventListener("keydown", (event) => { if (event.key === "F8") swap(); });
begin().catch((error) => say(`The stage did not open: ${error.message}. Reload this page.`));
