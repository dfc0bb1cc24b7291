/** Transfer: files to and from the kernel, in pieces that a notebook server passes on. */

import { offerFile } from "../file";
import type { Outcome, Progress } from "../host";
import type { Asks } from "./asks";

/** Larger messages to a kernel never arrive. */
const PIECE_BYTES = 1 << 20;
/** Loading begins when all is sent, and may take long. */
const LOAD_LIMIT_MS = 60 * 60_000;

/** A file that the kernel holds ready. */
export interface Download {
  readonly token: string;
  readonly name: string;
  readonly bytes: number;
  readonly mime: string;
}

type OnProgress = (progress: Progress) => void;

/** Fetch a file from the kernel and offer it to the reader as a download. */
export function download(asks: Asks, { token, name, bytes, mime }: Download, onProgress: OnProgress): Promise<void> {
  return cancelled(asks, token, async () => {
    const pieces: Uint8Array[] = [];
    for (let at = 0, isLast = false; !isLast; ) {
      onProgress({ done: at, total: bytes });
      const { result, buffer } = await asks.ask("download", { token, at });
      isLast = (result as { isLast: boolean }).isLast;
      if (!buffer?.length && !isLast) throw new Error(`The kernel sent only ${at} of ${bytes} bytes. Try again.`);
      if (buffer) pieces.push(buffer);
      at += buffer?.length ?? 0;
    }
    offerFile(name, mime, pieces);
  });
}

/** Send a file to the kernel and return its token there. */
export async function upload(asks: Asks, file: File, onProgress: OnProgress): Promise<string> {
  const { result } = await asks.ask("upload_begin", { name: file.name, bytes: file.size });
  const { token } = result as { token: string };
  return cancelled(asks, token, async () => {
    for (let at = 0; at < file.size; at += PIECE_BYTES) {
      onProgress({ done: at, total: file.size });
      const buffer = await file.slice(at, at + PIECE_BYTES).arrayBuffer();
      await asks.ask("upload_chunk", { token, at }, { buffer });
    }
    onProgress({ done: file.size, total: file.size });
    return token;
  });
}

/** Load what was sent; without `trusts` the kernel may answer with doubts, and then waits with the file. */
export function loadUploaded(asks: Asks, token: string, trusts: boolean, onProgress: OnProgress): Promise<Outcome> {
  return cancelled(asks, token, async () => {
    const answer = await asks.ask("upload_end", { token, trusts }, { onProgress, limitMs: LOAD_LIMIT_MS });
    return answer.result as Outcome;
  });
}

/** Let the kernel remove what was sent. */
export function forget(asks: Asks, token: string): void {
  asks.ask("cancel", { token }).catch(() => undefined);
}

/** Do something with a token; if it fails, the kernel need not keep what it belongs to. */
async function cancelled<T>(asks: Asks, token: string, transfer: () => Promise<T>): Promise<T> {
  try {
    return await transfer();
  } catch (error) {
    forget(asks, token);
    throw error;
  }
}
