const SMALLEST = 22, LARGEST = 38; // px of prose, on a slide 720 px high
const CODE = [18, 26]; // px of code, at least and at most
const PRINTED = [18, 32]; // px of what code printed, where the code is not shown
const PICTURE = 1.5; // times its own size, at most

function fits(body) {
  const wide = [...body.querySelectorAll(".output pre, table")];
  return body.scrollHeight <= body.clientHeight &&
    wide.every((one) => one.scrollWidth <= one.clientWidth + 1 &&
      one.offsetWidth <= one.parentElement.clientWidth);
}

// Code and printed lines are as large as the longest line allows, tables as one line a row
// allows; the rest shrinks until the slide holds it all.
function fit(section) {
  const body = section.querySelector(".body");
  const pictures = [...section.querySelectorAll("img")];
  const code = [...section.querySelectorAll(".code pre")].map((one) => [one, CODE[1], 0.8]);
  const bare = section.classList.contains("bare");
  const printed = [...section.querySelectorAll(".output pre")].map((one) =>
    bare ? [one, PRINTED[1], 0.9] : [one, CODE[1], 0.7]);
  const lines = [...code, ...printed].map(([one, most, share]) => [one, roomFor(one, most), share]);
  const wanted = [[true, LARGEST, 26], [false, LARGEST, 26], [true, 25, SMALLEST], [false, 25, SMALLEST]];
  for (const [whole, most, least] of wanted) {
    section.classList.toggle("whole-rows", whole);
    for (let size = most; size >= least; size -= 1) {
      section.style.setProperty("--size", `${size}px`);
      for (const [one, most, share] of lines) {
        one.style.fontSize = `${Math.max(CODE[0], Math.min(most, share * size))}px`;
      }
      pictures.forEach((one) => (one.style.width = "10px"));
      if (pictures.length) draw(body, pictures);
      if (fits(body)) return;
    }
  }
}

// The size at which the longest line of a pre fits; as large as may be if it has to wrap.
function roomFor(pre, most) {
  pre.style.fontSize = `${CODE[0]}px`;
  const wraps = getComputedStyle(pre).whiteSpace === "pre-wrap";
  pre.style.whiteSpace = "pre";
  const style = getComputedStyle(pre);
  const room = pre.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const size = (CODE[0] * (room - 1)) / Math.max(1, widthOf(pre));
  pre.style.whiteSpace = "";
  return wraps && size < CODE[0] ? CODE[0] + 4 : Math.min(most, size);
}

function widthOf(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  return range.getBoundingClientRect().width;
}

// Pictures share what the rest of the slide leaves.
function draw(body, pictures) {
  const gap = parseFloat(getComputedStyle(body).rowGap) || 0;
  const inner = [...body.children];
  const tiny = pictures.reduce((sum, one) => sum + one.offsetHeight, 0);
  const used = inner.reduce((sum, one) => sum + one.offsetHeight, gap * (inner.length - 1)) - tiny;
  for (const one of pictures) {
    const height = (body.clientHeight - used) / pictures.length;
    const scale = Math.min(body.clientWidth / one.naturalWidth, height / one.naturalHeight, PICTURE);
    one.style.width = `${Math.floor(one.naturalWidth * scale)}px`;
  }
}

// Row numbers that pandas counted say nothing.
function withoutRowNumbers(table) {
  const heads = [...table.querySelectorAll("tbody th")];
  const counted = heads.length === table.querySelectorAll("tbody tr").length &&
    heads.every((one, place) => one.textContent === `${place}`);
  if (counted) [...heads, table.querySelector("thead th")].forEach((one) => (one.hidden = true));
}

async function start() {
  const asked = new URLSearchParams(location.search);
  const root = document.documentElement;
  await Promise.all([...document.images].map((one) => one.decode().catch(() => {})));
  await document.fonts.ready;
  await Promise.all([...document.fonts].map((one) => one.load().catch(() => {})));
  if (window.MathJax) await MathJax.startup.promise;
  document.querySelectorAll("table.dataframe").forEach(withoutRowNumbers);
  document.body.classList.add("fitting");
  document.querySelectorAll(".slides > section").forEach(fit);
  document.body.classList.remove("fitting");
  for (const link of document.querySelectorAll("a.demo")) {
    const { lesson, cell } = link.closest("section").dataset;
    const address = asked.get("live");
    link.hidden = !address;
    if (address) link.href = address.replace("{lesson}", lesson).replace("{cell}", cell);
  }
  const laidOut = new Promise((done) => Reveal.on("pdf-ready", done));
  await Reveal.initialize({
    width: 1280, height: 720, margin: 0, center: false, display: "flex", hash: true,
    transition: "none", backgroundTransition: "none", slideNumber: "c/t", controls: false,
    pdfSeparateFragments: false, pdfMaxPagesPerSlide: 1, plugins: [RevealNotes], defaultTiming: 0,
    keyboard: { 68: () => (root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark") },
  });
  const answer = () => document.querySelectorAll("section.quiz").forEach((one) =>
    one.classList.toggle("answered", asked.has("print-pdf") || !!one.querySelector(".fragment.visible")));
  Reveal.on("fragmentshown", answer);
  Reveal.on("fragmenthidden", answer);
  Reveal.on("slidechanged", answer);
  answer();
  if (asked.has("print-pdf")) await laidOut;
  root.dataset.ready = "yes";
}

window.deckIsReady = start();
