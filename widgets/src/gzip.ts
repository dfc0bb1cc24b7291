/** Gzip: what came compressed, as it was; the browser does it. */

/** Return the bytes that were compressed; throws where they are no gzip. */
export async function gunzip(compressed: Uint8Array): Promise<Uint8Array> {
  const stream = new DecompressionStream("gzip");
  const writer = stream.writable.getWriter();
  const isWritten = writer.write(compressed as BufferSource).then(() => writer.close());
  // The reader meets the same error and tells it.
  isWritten.catch(() => undefined);
  return joined(await chunksOf(stream.readable));
}

/** Return the JSON that was compressed. */
export async function gunzipJson(compressed: Uint8Array): Promise<unknown> {
  return JSON.parse(new TextDecoder().decode(await gunzip(compressed)));
}

async function chunksOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return chunks;
    chunks.push(value);
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
