// Says what went wrong beside the thing it is about, and short news to a screen reader.
const problem = document.getElementById("problem");
const home = problem.parentElement;
const before = problem.nextElementSibling;

// `beside`: the form or row in question; the message moves there and takes the focus.
export function tell(message, beside) {
  const words = message ?? "";
  problem.hidden = !words;
  if (!words) {
    problem.textContent = "";
    return;
  }
  if (beside?.isConnected) beside.append(problem);
  else home.insertBefore(problem, before);
  problem.textContent = words;
  problem.focus({ preventScroll: true });
  problem.scrollIntoView({ block: "nearest" });
}

// Takes the message along when the part of the page that holds it is replaced.
export function carry(old) {
  if (!old.contains(problem)) return () => {};
  const row = problem.closest("[id^=mat_], [id^=pln_]")?.id;
  const focused = document.activeElement === problem;
  return () => {
    const host = document.getElementById(row);
    if (host) host.append(problem);
    else home.insertBefore(problem, before);
    if (focused) problem.focus({ preventScroll: true });
  };
}

export function announce(text) {
  document.getElementById("said").textContent = text;
}
