// Elements of the page. Text is always set as text: nothing that a file says is taken for markup.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element; children are elements or text. */
function make(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** Make an element of a drawing. */
function draw(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Read a data block of the page. */
function parsed(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

/** A rounded number without a minus zero, or a dash for no number. */
function decimals(value, places = 1) {
  return value === null ? "–" : (Number(value.toFixed(places)) + 0).toFixed(places);
}

/** A volume in mL; what is there never reads as nothing. */
function millilitres(mm3) {
  return mm3 > 0 && mm3 < 50 ? "<0.1" : decimals(mm3 / 1000);
}
