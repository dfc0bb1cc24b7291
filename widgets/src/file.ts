/** File: what the reader gets as a download. */

/** Offer a file under a name; the browser saves it or asks where to. */
export function offerFile(name: string, mime: string, pieces: readonly (Uint8Array | string)[]): void {
  const url = URL.createObjectURL(new Blob(pieces as BlobPart[], { type: mime }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken hold of it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
