// Building elements. Text goes in as text nodes only, so nothing from outside is ever read as markup.

/** Make an element with attributes, listeners (onclick: function) and children (elements or text). */
export function element(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (typeof value === "function") node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value !== null) node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

/** Show a screen in place of what is there. */
export function show(...children) {
  document.getElementById("page").replaceChildren(...children);
}

/** Say something once to people who listen to the page. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}
