// Colours: as the system has them, or as the reader chooses.

const THEMES = ["auto", "light", "dark"];

function startTheme() {
  const button = document.getElementById("theme");
  button.addEventListener("click", () => {
    const root = document.documentElement;
    const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "auto") + 1) % THEMES.length];
    root.dataset.theme = next;
    button.querySelector(".name").textContent = next;
    button.setAttribute("aria-label", next === "auto" ? "colours: as the system has them" : `colours: ${next}`);
  });
}
