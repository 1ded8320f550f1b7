// Before the first paint: the chosen theme, and that scripts run.
const kept = (() => { try { return localStorage.getItem("theme"); } catch { return null; } })();
if (kept) document.documentElement.dataset.theme = kept;
document.documentElement.classList.add("scripted");
