// Submits rows, polls until the job has ended, and saves the result.
// Usage: node client.mjs TEMPLATE REQUEST_JSON RESULT
import { writeFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";

const [template, request, result] = process.argv.slice(2);
const batch = `${process.env.PRESSROOM_URL}/api/templates/${template}/render-batch`;
const headers = { Authorization: `Bearer ${process.env.PRESSROOM_JWT}` };

const submitted = await fetch(batch, {
  method: "POST",
  headers: { ...headers, "Content-Type": "application/json" },
  body: request,
});
if (!submitted.ok) throw new Error((await submitted.json()).error);
const { jobId } = await submitted.json();

let job;
do {
  await setTimeout(200);
  job = await (await fetch(`${batch}/jobs/${jobId}`, { headers })).json();
} while (job.status !== "completed" && job.status !== "failed");
if (job.status === "failed") throw new Error(job.error);

const file = await fetch(`${batch}/jobs/${jobId}/result`, { headers });
if (!file.ok) throw new Error((await file.json()).error);
await writeFile(result, Buffer.from(await file.arrayBuffer()));
console.log(JSON.stringify({ ...job, name: file.headers.get("content-disposition") }));
