// Vercel's AI SDK with its provider for OpenAI, which speaks Responses: OPENAI_BASE_URL and OPENAI_API_KEY are read by
// the SDK itself.
import { openai } from "@ai-sdk/openai";
import { generateText, streamText } from "ai";
import { RETRIES, run } from "./driver.mjs";

const retries = RETRIES === "default" ? {} : { maxRetries: Number(RETRIES) };
const asked = (said) => ({ model: openai("deepseek-chat"), prompt: said, ...retries });

async function plain(said) {
  return (await generateText(asked(said))).text;
}

async function streaming(said) {
  let failed;
  const result = streamText({ ...asked(said), onError: ({ error }) => { failed = error; } });
  let text = "";
  for await (const part of result.textStream) text += part;
  if (failed) throw failed;
  return text;
}

await run({ plain, streaming });
