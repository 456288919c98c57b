const [form, token, prompt, send, stop, answer, state] = ["form", "#token", "#prompt", "#send", "#stop", "#answer", "#state"]
  .map((selector) => document.querySelector(selector));

/** Yield the server-sent events of a response. `EventSource` cannot send a token or a body. */
async function* readEvents(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    const events = (text + chunk.value).split("\n\n");
    text = events.pop();
    for (const event of events) {
      const fields = Object.fromEntries(event.split("\n").map((line) => line.split(/: (.*)/, 2)));
      // A comment, which keeps the connection open, has no data.
      if (fields.data) yield { type: fields.event, data: JSON.parse(fields.data) };
    }
  }
}

async function ask(signal) {
  const response = await fetch(form.action, {
    method: "POST",
    headers: { "Authorization": token.value, "Content-Type": "application/json" },
    body: JSON.stringify({ prompt: prompt.value }),
    signal,
  });
  if (!response.ok) {
    const problem = await response.json();
    throw new Error(problem.detail ?? problem.title ?? problem.message);
  }
  for await (const { type, data } of readEvents(response)) {
    if (type === "done") return data.tokens + " tokens";
    answer.append(data.text);
  }
  throw new Error("The answer is incomplete.");
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  // Stop closes the connection, and the service then cancels the model.
  const controller = new AbortController();
  stop.onclick = () => controller.abort();
  [send.disabled, stop.disabled, answer.textContent, state.textContent] = [true, false, "", ""];
  try {
    state.textContent = await ask(controller.signal);
  } catch (error) {
    state.textContent = error.name === "AbortError" ? "Stopped." : error.message;
  }
  [send.disabled, stop.disabled] = [false, true];
});
