"use strict";

// Excerpts in the search results need fetch, which a page from file:// may not use.
if (location.protocol !== "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = true;
}

// A lesson opens by a link where JupyterLab serves the book, by a command elsewhere.
function offerToOpen(lesson) {
  const link = lesson.querySelector(".labs-open");
  const command = lesson.querySelector(".labs-command");
  if (window.labsServer) {
    link.href = window.labsServer.lab + encodeURI(link.dataset.path);
    link.hidden = false;
    command.hidden = true;
  } else {
    const button = command.querySelector("button");
    button.hidden = false;
    button.addEventListener("click", () => copy(command));
  }
}

async function copy(command) {
  const code = command.querySelector("code");
  const said = command.querySelector("[role=status]");
  try {
    await navigator.clipboard.writeText(code.textContent);
    said.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code);
    said.textContent = "Selected: press Ctrl+C to copy";
  }
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".labs-lesson").forEach(offerToOpen);
});
