// Before anything is drawn: light or dark, as asked for, or as the system is; on paper light.
(() => {
  const asked = new URLSearchParams(location.search);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const usual = dark && !asked.has("print-pdf") ? "dark" : "light";
  const theme = asked.get("theme") || usual;
  document.documentElement.dataset.theme = theme;
})();
