// Before anything is drawn: light or dark, as asked for, as last chosen, or as the system is.
(() => {
  const asked = new URLSearchParams(location.search);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const theme = asked.has("print-pdf") ? "light" : asked.get("theme") || (dark ? "dark" : "light");
  document.documentElement.dataset.theme = theme;
})();
