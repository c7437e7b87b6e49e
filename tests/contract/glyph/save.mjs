// Generates a document for each object and saves the files that came out.
// Usage: node save.mjs OBJECTS_JSON DIRECTORY
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [objects, directory] = process.argv.slice(2);
mkdirSync(directory, { recursive: true });

const answer = await fetch(`${process.env.PRESSROOM_URL}/v1/batch/generate`, {
  method: "POST",
  headers: {
    Authorization: `Bearer ${process.env.PRESSROOM_KEY}`,
    "Content-Type": "application/json",
  },
  body: JSON.stringify({ items: JSON.parse(objects).map((data) => ({ data, format: "pdf" })) }),
});

for (const one of (await answer.json()).results) {
  if (one.status !== "success") continue;
  const [, base64] = one.url.split(",");
  writeFileSync(join(directory, one.filename), Buffer.from(base64, "base64"));
}
