// A logger's file as text, in parts that the server accepts.

const PART_BYTES = 900_000; // the server's limit is 1 MiB

/** The text of a file in UTF-8, UTF-16 or Latin-1. */
export function textOf(bytes) {
  const zeros = (offset) => { let count = 0; for (let i = offset; i < Math.min(200, bytes.length); i += 2) count += bytes[i] === 0; return count; };
  if (bytes[0] === 0xff && bytes[1] === 0xfe || zeros(1) > 60) return new TextDecoder("utf-16le").decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff || zeros(0) > 60) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

/**
 * Cuts a text into parts of whole lines; each part begins with the lines up to the header.
 * Returns [{ text, firstLine }]: `firstLine` is the number in the file of the part's first line after the header.
 */
export function partsOf(text, headerLine) {
  const lines = text.split(/\r\n|\r|\n/);
  const head = lines.slice(0, headerLine).join("\n") + "\n";
  const encoder = new TextEncoder();
  const room = PART_BYTES - encoder.encode(head).length;
  const parts = [];
  let start = headerLine, bytes = 0;
  for (let i = headerLine; i <= lines.length; i++) {
    const size = i < lines.length ? encoder.encode(lines[i]).length + 1 : Infinity;
    if (bytes + size > room && i > start) {
      parts.push({ text: head + lines.slice(start, i).join("\n") + "\n", firstLine: start + 1 });
      [start, bytes] = [i, 0];
    }
    bytes += size;
  }
  return parts;
}
