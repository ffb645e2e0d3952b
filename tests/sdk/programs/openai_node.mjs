// OpenAI's SDK for Node.js: OPENAI_BASE_URL and OPENAI_API_KEY are read by the SDK itself.
import OpenAI from "openai";
import { RETRIES, run } from "./driver.mjs";

const client = RETRIES === "default" ? new OpenAI() : new OpenAI({ maxRetries: Number(RETRIES) });
const asked = (said) => ({ model: "deepseek-chat", messages: [{ role: "user", content: said }] });

async function plain(said) {
  const answer = await client.chat.completions.create(asked(said));
  return answer.choices[0].message.content;
}

async function streaming(said) {
  const chunks = await client.chat.completions.create({ ...asked(said), stream: true });
  let text = "";
  for await (const chunk of chunks) text += chunk.choices[0]?.delta?.content ?? "";
  return text;
}

await run({ plain, streaming });
