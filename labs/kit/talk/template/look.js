// What a room would not be able to read, slide by slide. Runs in the deck itself.
async () => {
  await window.deckIsReady;
  const SMALLEST = 1 / 41; // of the height of the slide, for text
  const SHRUNK = 0.95; // of its own size, for a picture: its labels were drawn for that
  const problems = [];
  const wait = () => new Promise((next) => requestAnimationFrame(() => setTimeout(next, 0)));

  function colour(text) {
    const [red, green, blue, opaque = 1] = text.match(/[\d.]+/g).map(Number);
    return { channels: [red, green, blue], opaque };
  }
  function light({ channels }) {
    const [red, green, blue] = channels.map((one) => one / 255)
      .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }
  function ground(element) {
    for (let one = element; one; one = one.parentElement) {
      const found = colour(getComputedStyle(one).backgroundColor);
      if (found.opaque === 1) return found;
    }
    return colour("rgb(255, 255, 255)");
  }
  function contrast(element) {
    const [high, low] = [light(colour(getComputedStyle(element).color)), light(ground(element))]
      .sort((one, other) => other - one);
    return (high + 0.05) / (low + 0.05);
  }
  const shown = (element) => element.checkVisibility({ visibilityProperty: true });

  for (const [place, section] of [...document.querySelectorAll(".slides > section")].entries()) {
    Reveal.slide(place, 0, 99);
    await wait();
    const say = (what, remedy) => problems.push(
      { slide: place + 1, name: section.dataset.slide, cell: section.dataset.cell || "", what, remedy });
    const box = section.getBoundingClientRect();
    const scale = box.width / section.offsetWidth;
    const foot = box.bottom - 36 * scale; // where the title of the talk stands
    const texts = document.createTreeWalker(section, NodeFilter.SHOW_TEXT);
    const said = new Set();
    const once = (what, remedy) => said.has(what) || (said.add(what), say(what, remedy));
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
      const element = text.parentElement;
      if (!text.textContent.trim() || element.closest("aside, script, style, mjx-assistive-mml") || !shown(element)) continue;
      const range = document.createRange();
      range.selectNodeContents(text);
      const words = text.textContent.trim().slice(0, 30);
      for (const part of range.getClientRects()) {
        if (part.right > box.right + 1 || part.left < box.left - 1 || part.bottom > foot + 1 || part.top < box.top - 1) {
          once("text runs out of the slide", `shorten it, near "${words}"`);
        }
      }
      const style = getComputedStyle(element);
      const size = (parseFloat(style.fontSize) * scale) / (box.height || 1);
      if (size < SMALLEST) once(`text is ${Math.round(720 * size)} px of 720 high`, `shorten the slide, near "${words}"`);
      if (contrast(element) < (size > 1 / 30 ? 3 : 4.5)) {
        once(`contrast is ${contrast(element).toFixed(1)}`, `choose another colour, near "${words}"`);
      }
    }
    for (const one of section.querySelectorAll("pre, table, .code, .body")) {
      if (!shown(one)) continue;
      const room = one.closest(".body").getBoundingClientRect();
      const own = one.getBoundingClientRect();
      const kind = one.matches("table") ? "a table" : one.matches(".body") ? "the slide" : "a line";
      if (own.right > room.right + 1 || one.scrollWidth > one.clientWidth + 1) {
        once(`${kind} is wider than the slide`, "show fewer columns or shorter lines");
      } else if (own.bottom > room.bottom + 2 || (kind === "the slide" && one.scrollHeight > one.clientHeight + 1)) {
        once(`${kind} is higher than the slide`, "show fewer lines, or outputs alone (tag output-only)");
      }
    }
    for (const one of section.querySelectorAll("img")) {
      const own = one.getBoundingClientRect();
      if (!one.naturalWidth) say("a picture is missing", "run: labs refresh on the lesson");
      else if (own.width / scale < SHRUNK * one.naturalWidth) {
        say(`a picture is shown at ${Math.round((100 * own.width) / scale / one.naturalWidth)}% of its size`,
          "show it without its code (tag output-only)");
      }
      if (!one.alt.trim()) say("a picture has no alternative text", "use labs.kit.display.show with alt");
    }
    for (const one of section.querySelectorAll("mjx-merror, [data-mjx-error]")) {
      say(`a formula is wrong: ${one.textContent}`, "mend its LaTeX");
    }
  }
  Reveal.slide(0);
  return problems;
}
