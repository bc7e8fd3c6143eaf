// What happens when the page opens, when a result is opened, and when the page is printed.

const COHORT = parsed("cohort");
let printing = false;

/** Fill in what is shown of an open result: its regions at once, its slices as soon as they are unpacked. */
async function fill(result) {
  fillRegions(result);
  const root = result.querySelector(".viewer");
  if (root.dataset.state) return;
  root.dataset.state = "opening";
  try {
    await openViewer(result, root);
    root.dataset.state = "ready";
  } catch (fault) {
    root.dataset.state = "failed"; // the still picture stays
    root.replaceChildren(make("p", { class: "note" }, `This browser cannot show the slices: ${fault.message}`));
  }
}

function fillRegions(result) {
  const place = result.querySelector(".regions");
  if (!place.hasChildNodes()) place.append(regionTable(parsed(`data-${result.id}`)));
}

async function openViewer(result, root) {
  const data = parsed(`data-${result.id}`);
  const [image, labels] = await Promise.all([volumeOf(parsed(data.image)), volumeOf(data.labels)]);
  const viewer = new SliceViewer(root, COHORT.groups[data.group], image, labels, data.meeting);
  viewer.title = result.id;
  const place = make("div", { class: "place3d" });
  const button = make("button", { type: "button", class: "control open3d" }, "3D view");
  button.addEventListener("click", async () => {
    button.disabled = true;
    await show3d(place, viewer);
    button.disabled = false;
  });
  viewer.tools.prepend(button);
  root.append(place);
}

/** Open the result that the address names. */
function openNamed() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named?.matches("details")) {
    named.open = true;
    named.scrollIntoView();
  }
}

/** Paper shows everything but controls; afterwards what was closed is closed again. */
function startPrinting() {
  let opened = [];
  window.addEventListener("beforeprint", () => {
    printing = true;
    for (const result of document.querySelectorAll("details.result")) fillRegions(result);
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const details of opened) details.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
    printing = false;
  });
}

document.documentElement.classList.add("runs");
startTheme();
startOverview();
startPrinting();
for (const result of document.querySelectorAll("details.result")) {
  result.addEventListener("toggle", () => result.open && !printing && fill(result));
}
document.addEventListener("click", (event) => {
  if (event.target.closest("a")?.hash === location.hash) openNamed(); // the address does not change then
});
window.addEventListener("hashchange", openNamed);
openNamed();
