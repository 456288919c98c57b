// Helpers that create elements.

// Create an element. Attributes: "on…" adds a listener, true is an empty attribute, false and undefined are omitted.
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== false));
  return element;
}

// Plain text in which `code` is marked up.
export function prose(text) {
  return text.split(/`([^`]+)`/).map((part, index) => (index % 2 ? h("code", {}, part) : part));
}

// A path or a name that may wrap after slashes and underscores.
export function breakable(text) {
  return text.split(/(?<=[/_])/).flatMap((part, index) => (index ? [h("wbr"), part] : part));
}

// A button that copies a text to the clipboard and confirms it.
export function copyButton(label, text) {
  const button = h("button", { type: "button" }, label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
    } catch {
      // Browsers allow clipboard access on https and localhost only.
      button.textContent = "Select the text to copy it";
    }
    setTimeout(() => (button.textContent = label), 1500);
  });
  return button;
}
