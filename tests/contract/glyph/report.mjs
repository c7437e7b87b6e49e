// Generates a document for each object and says what became of each.
// Usage: node report.mjs OBJECTS_JSON
const objects = JSON.parse(process.argv[2]);
const items = objects.map((data) => ({ data, style: "stripe-clean", format: "pdf" }));

const answer = await fetch(`${process.env.PRESSROOM_URL}/v1/batch/generate`, {
  method: "POST",
  headers: {
    Authorization: `Bearer ${process.env.PRESSROOM_KEY}`,
    "Content-Type": "application/json",
  },
  body: JSON.stringify({ items }),
});
const { results, successCount, failCount } = await answer.json();

for (const one of results) {
  const word = one.status === "success" ? `${one.filename} ${one.size}` : one.error;
  console.log(`${one.index} ${one.status} ${word}`);
}
console.log(`${successCount} of ${successCount + failCount}`);
