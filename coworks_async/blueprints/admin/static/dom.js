// Elements, written as calls.

// Make an element: "on…" adds a listener, true is an empty attribute, false and undefined are none.
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

// What an author wrote in plain words, where only `code` is marked.
export function prose(text) {
  return text.split(/`([^`]+)`/).map((part, index) => (index % 2 ? h("code", {}, part) : part));
}

// A path or a name, which may be broken after its slashes and underscores.
export function breakable(text) {
  return text.split(/(?<=[/_])/).flatMap((part, index) => (index ? [h("wbr"), part] : part));
}

// A button that puts a text on the clipboard and says that it did.
export function copyButton(label, text) {
  const button = h("button", { type: "button" }, label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
    } catch {
      // Browsers give the clipboard to https and localhost alone.
      button.textContent = "Select the text to copy it";
    }
    setTimeout(() => (button.textContent = label), 1500);
  });
  return button;
}
