// Sends the response that a request describes in its header `x-response`, through AWS's client.
export const handler = awslambda.streamifyResponse(async (event, stream) => {
  const { chunks, fails, ...prelude } = JSON.parse(event.headers["x-response"])
  if (chunks.length > 0) awslambda.HttpResponseStream.from(stream, prelude)
  for (const chunk of chunks) {
    stream.write(Buffer.from(chunk, "latin1"))
    // Each write gets its own chunk.
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  if (fails) throw Object.assign(new Error("no such thing"), { name: "LookupError" })
  stream.end()
})
